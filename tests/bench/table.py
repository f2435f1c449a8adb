#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""Results as a table, the same on the terminal and in README: `table.py` writes README's anew from
the newest results."""

import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "../netns"))
from harness.paths import TOP

import results

README = os.path.join(TOP, "README.md")
BEGIN, END = "<!-- results of make bench -->\n", "<!-- end of results -->\n"
HEAD = ["measured", "value", "compared with", "ratio", "goal", "besides"]
WIDTHS = (48, 17, 18, 20, 15, 0)


def number(value):
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _ratio(line):
    if "ratio" not in line:
        return ""
    ratio = line["ratio"]
    digits = 2 if ratio["median"] < 10 else 1
    return f"{ratio['median']:.{digits}f} ({ratio['low']:.{digits}f} to {ratio['high']:.{digits}f})"


def _goal(line):
    if "goal" not in line:
        return ""
    goal = line["goal"]
    words = f"≥ {number(goal['least'])}" if "least" in goal else f"≤ {number(goal['most'])}"
    if goal["of"] == "value":
        words += f" {line['unit']}"
    return f"{words}: {'reached' if line['reached'] else 'missed'}"


def _besides(line):
    return ", ".join(f"{name.replace('_', ' ')} {number(value) if value is not None else '?'}"
                     for name, value in line["besides"].items())


def row(line):
    what = f"{line['subject']}: {line['name']}"
    if "not_run" in line:
        return [what, f"not run: {line['not_run']}", "", "", "", ""]
    base = f"{number(line['base'])} {line['against']}" if "base" in line else ""
    return [what, f"{number(line['value'])} {line['unit']}", base, _ratio(line), _goal(line),
            _besides(line)]


def _markdown(cells):
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def of_run(lines):
    """The whole, in Markdown."""
    run = lines[0]
    machine, settings = run["machine"], run["settings"]
    told = (f"{run['ts'][:10]}, Linux {run['kernel']}, {machine['cores']} CPUs ({machine['cpu']}), "
            f"{machine['memory_gb']} GB; medians of {settings['rounds']} rounds of "
            f"{settings['seconds']:g} s, in brackets the least and the most of the rounds.\n\n")
    return (told + _markdown(HEAD) + "|" + "---|" * len(HEAD) + "\n" +
            "".join(_markdown(row(line)) for line in lines[1:]))


def aligned(cells):
    """A row for a terminal."""
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS)).rstrip()


def in_readme(text):
    """(before, table, behind)"""
    before, begin, rest = text.partition(BEGIN)
    table, end, behind = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"README.md has no table of results between {BEGIN!r} and {END!r}")
    return before + begin, table, end + behind


def wanted():
    """What README should have between its marks."""
    lines = results.newest()
    return of_run(lines) if lines else ""


def main():
    with open(README, encoding="utf-8") as file:
        before, _, behind = in_readme(file.read())
    with open(README, "w", encoding="utf-8") as file:
        file.write(before + wanted() + behind)


if __name__ == "__main__":
    sys.exit(main())
