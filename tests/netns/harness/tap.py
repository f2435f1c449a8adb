# SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
"""The cases of one test program, told in TAP."""

import os
import signal
import sys
import traceback

from . import attached
from .paths import PROGRAM

CASE_DEADLINE = 60
_cases = []


class Failure(Exception):
    """What was expected did not happen."""


class Skip(Exception):
    """The machine lacks what the case needs; the argument names it."""


class Terminated(BaseException):
    """A signal asks for the end: unwind, so that namespaces and processes are removed."""


def case(name, deadline=CASE_DEADLINE):
    """Registers a function as a case; cases run in the order of the file."""
    def register(function):
        _cases.append((name, function, deadline))
        return function
    return register


def note(text):
    """A line for people, outside the results."""
    for line in str(text).splitlines():
        print("#", line, flush=True)


def _on_alarm(_signal, _frame):
    raise Failure("no end within the deadline of the case")


def _on_terminate(_signal, _frame):
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN) # a second one must not stop the cleaning up
    raise Terminated()


def _run(number, name, function, deadline, arguments, watched):
    watch = attached.Watch(PROGRAM) if watched else None
    signal.alarm(deadline)
    try:
        function(*arguments)
        signal.alarm(0)
        if left := watch and watch.left():
            raise Failure("left behind: " + ", ".join(sorted(left)))
    except Skip as reason:
        print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        return True
    except Failure as failure:
        print(f"not ok {number} - {name}", flush=True)
        note(failure)
    except Exception:
        print(f"not ok {number} - {name}", flush=True)
        note(traceback.format_exc())
    else:
        print(f"ok {number} - {name}", flush=True)
        return True
    finally:
        signal.alarm(0)
    return False


def unwind_on(*signals):
    for one in signals:
        signal.signal(one, _on_terminate)


def main(world=None, root=True):
    """Runs the cases whose names contain an argument of the command line, or all of them. `world`
    is a context manager: what it gives is passed to each case. Those that need root attach
    programs: each must leave nothing behind."""
    watched = root and os.access(PROGRAM, os.X_OK)
    signal.signal(signal.SIGALRM, _on_alarm)
    unwind_on(signal.SIGTERM)
    words = sys.argv[1:]
    chosen = [c for c in _cases if not words or any(word in c[0] for word in words)]
    if root and os.geteuid() != 0:
        print("1..0 # SKIP needs root: network namespaces and BPF", flush=True)
        return 0
    print(f"1..{len(chosen)}", flush=True)
    if world is None:
        return _run_all(chosen, (), watched)
    try:
        with world() as content:
            return _run_all(chosen, (content,), watched)
    except Skip as reason:
        for number, chosen_case in enumerate(chosen, 1):
            print(f"ok {number} - {chosen_case[0]} # SKIP {reason}", flush=True)
        return 0
    except Exception:
        note(traceback.format_exc())
        print("Bail out! the surroundings of the cases could not be made", flush=True)
        return 1


def _run_all(chosen, arguments, watched):
    results = [_run(number, *chosen_case, arguments, watched)
               for number, chosen_case in enumerate(chosen, 1)]
    return 0 if all(results) else 1
