# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""What the end-to-end tests are made of: namespaces, puppets, a hand-cranked wire, the tracer.

It knows the tool only by its command line and its output, never by its insides. Nothing here
sleeps and nothing retries: every wait is for an event, and has a deadline.
"""
