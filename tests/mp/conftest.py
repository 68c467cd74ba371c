"""Nothing here runs under CPython: tests/unit/test_fw_micropython.py hands these files to the interpreters."""

collect_ignore_glob = ["*.py"]
