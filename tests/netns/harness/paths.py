# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Where the checkout, what was built of it, and the tool are."""

import os

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PROGRAM = os.path.join(BUILD, "tcpclose-trace")
