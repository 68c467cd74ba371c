"""Runs the test functions of modules under MicroPython, as pytest does under CPython. Arguments: module names.

Prints one line a test; exit code 1 when any failed, or when a module holds none.
"""

import gc
import sys

import tcs.app  # imports nest on a small stack: the deepest chain from the top


def run(name):
    """Returns (passed, failed)."""
    module = __import__(name)
    passed = failed = 0
    for test in sorted(dir(module)):
        if not test.startswith("test_"):
            continue
        gc.collect()
        try:
            getattr(module, test)()
            passed += 1
            print("passed", name, test)
        except Exception as error:
            failed += 1
            print("FAILED", name, test)
            sys.print_exception(error, sys.stdout)
    return passed, failed


def main():
    """Run every module named on the command line."""
    status = 0
    assert tcs.app
    for name in sys.argv[1:]:
        passed, failed = run(name)
        if failed or not passed:
            status = 1
    sys.exit(status)


main()
