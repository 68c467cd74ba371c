# What the rig's image freezes. `package` and `module` are given by MicroPython's manifest reader.
# ruff: noqa: F821
package("rig", files=("__init__.py", "board.py", "console.py", "dacs.py", "flight.py", "pins.py", "ring.py", "selftest.py"))
for _file in ("main.py",):
    module(_file)
