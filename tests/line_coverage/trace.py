"""Under the coverage build of MicroPython: run a script and write which lines of the firmware it has run through.

Arguments: the file to write, the firmware's folder, the script, its own arguments. Kernels must be bytecode (isoloop.kernels.viper.strip):
compiled code is not traced. Beside the folder lies <folder>.functions, JSON: statements by file and line of `def`. Tracing takes a
hundred times as long as the line itself: a function that has been run through altogether is left alone from then on, and one in which
nothing was new for STALE calls is looked at once in EVERY.
"""

import json
import sys

STALE = 400
EVERY = 8
hits = {}
out, firmware, script = sys.argv[1:4]
start = len(firmware)
file = open(out, "a")  # noqa: SIM115 - as long as the process, which may be killed at any line


with open(firmware + ".functions") as source:
    functions = json.load(source)


class Module:
    """Lines of a file that have been run, and what is left of its functions."""

    def __init__(self, name):
        self.name = name
        self.lines = set()
        self.left = {int(line): [spans, 0] for line, spans in functions.get(name, {}).items()}

    def enter(self, line):
        """A call; returns how its lines are traced."""
        function = self.left.get(line)
        if function is None:
            return self.see
        spans, calls = function
        function[1] = calls + 1
        if not spans or (calls > STALE and calls % EVERY):
            return None
        return self.see

    def see(self, frame, event, arg):
        """A line, told when it is first run through."""
        line = frame.f_lineno
        if line not in self.lines:
            self.lines.add(line)
            file.write(f"{self.name} {line}\n")
            for function in self.left.values():
                spans = function[0]
                for span in spans:
                    if span[0] <= line <= span[1]:
                        spans.remove(span)
                        function[1] = 0
                        break
        return self.see


def trace(frame, event, arg):
    """A call."""
    name = frame.f_code.co_filename
    if name[:start] != firmware:
        return None
    module = hits.get(name)
    if module is None:
        module = hits[name] = Module(name[start + 1 :])
    return module.enter(frame.f_lineno)


class Micropython:
    """The module, with a heap that is never locked: tracing allocates."""

    def __init__(self):
        import micropython

        for key in dir(micropython):
            setattr(self, key, getattr(micropython, key))
        self.heap_lock = self.heap_unlock = lambda: 0


sys.modules["micropython"] = Micropython()
sys.argv[:] = sys.argv[3:]
sys.path.append(script.rsplit("/", 1)[0])  # behind the copy: a harness links to the kernels as they are flashed
with open(script) as source:
    code = compile(source.read(), script, "exec")
sys.settrace(trace)
try:
    exec(code, {"__name__": "__main__", "__file__": script})
finally:
    sys.settrace(None)
