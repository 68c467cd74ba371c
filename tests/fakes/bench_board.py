"""A board on its bench behind a pseudo-terminal, without the emulator: behind its cable the unix port flies."""

from __future__ import annotations

import os
import select
import subprocess
import threading
import tty

from isoloop.dictionary import load_dictionary
from isoloop.paths import firmware_dir
from isoloop.targets.interpreter import find_interpreter

HELLO = "isoloop bench 1 e660123456789abc 0123456789abcdef {hash:04x} MicroPython_v1.25.0"
_SETTLE_S = 0.05


class BenchBoard:
    """Use as a context manager; `.port` is what a host opens.

    Attributes:
        hello: what it answers to the question, "" for nothing; `{hash}` becomes the dictionary's.
        vanish_after: bytes of the flight after which the cable is pulled; None: never.
    """

    def __init__(self, hello: str = HELLO, vanish_after: int | None = None) -> None:
        self.hello = hello.replace("{hash:04x}", f"{load_dictionary().hash:04x}")
        self.vanish_after = vanish_after
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        self._slave = slave
        self._process: subprocess.Popen[bytes] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> BenchBoard:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join(10)
        self._end_flight()
        for one in (self._master, self._slave):
            try:
                os.close(one)
            except OSError:
                pass

    def _run(self) -> None:
        line = b""
        while not self._ending.is_set():
            if self._process is not None:
                self._fly()
                continue
            if not select.select([self._master], [], [], 0.1)[0]:
                continue
            line += os.read(self._master, 4096)
            *done, line = line.split(b"\n")
            for said in done:
                if b"isoloop bench go" in said:
                    os.write(self._master, b"isoloop bench begins\r\n")
                    self._begin_flight()
                elif b"isoloop bench?" in said and self.hello:
                    os.write(self._master, self.hello.encode() + b"\r\n")

    def _begin_flight(self) -> None:
        firmware = firmware_dir()
        self._process = subprocess.Popen(
            [*find_interpreter().command, str(firmware / "main.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "MICROPYPATH": f".frozen:{firmware}"},
        )
        self._carried = 0

    def _fly(self) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        ready = select.select([self._master, process.stdout], [], [], 0.1)[0]
        if self._master in ready:
            try:
                process.stdin.write(os.read(self._master, 4096))
            except OSError:
                pass
        if process.stdout in ready:
            data = os.read(process.stdout.fileno(), 4096)
            if not data:
                self._end_flight()  # quit: it waits for the next host
                return
            self._carried += len(data)
            if self.vanish_after is not None and self._carried > self.vanish_after:
                self._ending.set()
                os.close(self._slave)
                os.close(self._master)
                return
            os.write(self._master, data)

    def _end_flight(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    stream.close()
            self._process = None
