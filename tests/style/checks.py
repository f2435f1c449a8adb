# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Checks of the tree, told in TAP: each gives what it found, a line each, or "SKIP" and why."""


def run(cases):
    """Of (name, check); the exit status."""
    failed = 0
    print(f"1..{len(cases)}")
    for number, (name, check) in enumerate(cases, 1):
        found = check()
        if isinstance(found, str):
            print(f"ok {number} - {name} # {found}")
            continue
        failed += bool(found)
        print(f"{'not ok' if found else 'ok'} {number} - {name}", flush=True)
        print("".join(f"# {line}\n" for line in found), end="")
    return 1 if failed else 0
