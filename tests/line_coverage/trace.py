"""Under the coverage build of MicroPython: run a script and write which lines of the firmware it has run through.

Arguments: the file to write, the firmware's folder, the script, its own arguments. Kernels must be bytecode (isoloop.kernels.viper.strip):
compiled code is not traced.
"""

import sys

hits = {}
out, firmware, script = sys.argv[1:4]
start = len(firmware)


def trace(frame, event, arg):
    """One line of one file."""
    name = frame.f_code.co_filename
    if name[:start] != firmware:
        return None
    lines = hits.get(name)
    if lines is None:
        lines = hits[name] = set()
    lines.add(frame.f_lineno)
    return trace


class Micropython:
    """The module, with a heap that is never locked: tracing allocates."""

    def __init__(self):
        import micropython

        for key in dir(micropython):
            setattr(self, key, getattr(micropython, key))
        self.heap_lock = self.heap_unlock = lambda: 0


sys.modules["micropython"] = Micropython()
sys.argv[:] = sys.argv[3:]
sys.path.insert(0, script.rsplit("/", 1)[0])
status = 0
with open(script) as source:
    code = compile(source.read(), script, "exec")
sys.settrace(trace)
try:
    exec(code, {"__name__": "__main__", "__file__": script})
except SystemExit as leave:
    status = leave.args[0] if leave.args else 0
finally:
    sys.settrace(None)
    with open(out, "w") as file:
        for name, lines in hits.items():
            file.write(name[start + 1 :] + " " + " ".join(str(line) for line in sorted(lines)) + "\n")
sys.exit(status)
