"""A MicroPython board at its prompt, reached by mpremote: what is it, and what shall it do."""

from __future__ import annotations

import base64
import importlib.util
import json
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from isoloop.errors import TargetError, UsageError

MICROPYTHON_MIN = (1, 23)
PLATFORM = "rp2"
MAIN_MARK = "What is flashed starts here"
"""In isoloop's own main.py."""

_ASK = """
import sys, os, json
def read(name):
    try:
        with open(name) as f:
            return f.read(400)
    except OSError:
        return None
try:
    import build_id
    image = build_id.IMAGE_ID
except ImportError:
    image = None
try:
    import machine
    uid = "".join("%02x" % b for b in machine.unique_id())
except Exception:
    uid = ""
impl = sys.implementation
try:
    s = os.statvfs("/")
    free = s[0] * s[3]
except OSError:
    free = 0
try:
    from module_hashes import HASHES
    hashes = [list(h) for h in HASHES] if image else []
except ImportError:
    hashes = []
import gc
gc.collect()
print("ISOLOOP" + json.dumps({"heap": gc.mem_free(), "hashes": hashes,
    "platform": sys.platform, "name": impl[0], "version": list(impl[1][:3]), "mpy": getattr(impl, "_mpy", 0),
    "machine": getattr(impl, "_machine", ""), "unique_id": uid, "image": image, "slot": read("/slot"), "main": read("/main.py"),
    "free": free}))
"""

_PIECE_BYTES = 6000
_WINDOW_BITS = 12
"""Of the compression: 4 kB that the board must hold while it unpacks."""

_BEGIN = """
from binascii import a2b_base64
f = open("/bundle", "wb")
"""

_UNPACK = """
f.close()
import deflate, gc, hashlib, os
top = "/%s"
view = memoryview(bytearray(512))
def walk(folder, keep):
    for entry in os.ilistdir(folder):
        path = folder + "/" + entry[0]
        if entry[1] == 0x4000:
            walk(path, keep)
        elif path not in keep:
            os.remove(path)
def make(folder):
    try:
        os.mkdir(folder)
    except OSError:
        pass
def unpack():
    names = set()
    make(top)
    with open("/bundle", "rb") as bundle:
        stream = deflate.DeflateIO(bundle, deflate.ZLIB)
        while True:
            line = stream.readline().decode().split()
            if not line:
                break
            path, left = top + "/" + line[0], int(line[1])
            names.add(path)
            for at in range(len(path)):
                if at > len(top) and path[at] == "/":
                    make(path[:at])
            with open(path, "wb") as out:
                while left:
                    n = stream.readinto(view[:min(left, 512)])
                    if not n:
                        raise OSError("the bundle ends early")
                    out.write(view[:n])
                    left -= n
            gc.collect()
    os.remove("/bundle")
    walk(top, names)
    for path in sorted(names):
        digest = hashlib.sha256()
        with open(path, "rb") as file:
            n = file.readinto(view)
            while n:
                digest.update(view[:n])
                n = file.readinto(view)
        print("FILE", path[len(top) + 1:], "".join("%%02x" %% b for b in digest.digest()))
unpack()
"""


def _bundle(folder: Path, names: Sequence[str]) -> bytes:
    """Each file as a line with path and size, then its bytes; compressed."""
    parts = []
    for name in names:
        data = (folder / name).read_bytes()
        parts.append(f"{name} {len(data)}\n".encode() + data)
    packer = zlib.compressobj(9, zlib.DEFLATED, _WINDOW_BITS)
    return packer.compress(b"".join(parts)) + packer.flush()


@dataclass(frozen=True)
class Facts:
    """What a board at its prompt says of itself.

    Attributes:
        platform: `rp2` and so on.
        version: of its MicroPython.
        mpy: what compiled files it takes: version in the low byte, then two bits of sub-version, then the instruction set.
        machine: in words.
        unique_id: of the chip, hex.
        image: IMAGE_ID of the isoloop image that is flashed; None on another MicroPython.
        slot: folder that counts, `a` or `b`; None when none does.
        main: the beginning of its main.py; None without one.
        free_bytes: of its file system.
        heap_bytes: free memory at the prompt.
        frozen: source hash of each module that is frozen into its image, by path.
    """

    platform: str
    version: tuple[int, ...]
    mpy: int
    machine: str
    unique_id: str
    image: str | None
    slot: str | None
    main: str | None
    free_bytes: int
    heap_bytes: int
    frozen: dict[str, str]

    @property
    def made_for(self) -> str:
        """What /slot says behind the folder: a package counts only on the image that it was put on."""
        return self.image or "none"


class PromptBoard:
    """Runs mpremote on a port, a call a command. `patience`: how much slower than a board it may be."""

    def __init__(self, port: str, patience: float = 1.0) -> None:
        self.port = port
        self._patience = patience
        if importlib.util.find_spec("mpremote") is None:
            raise UsageError("flashing a MicroPython board needs mpremote: pip install 'isoloop[flash]'")

    def facts(self) -> Facts:
        """Ask.

        Raises:
            TargetError: it does not answer as MicroPython does.
            UsageError: it cannot run isoloop.
        """
        told = self.run(_ASK, 20)
        line = next((line for line in told.splitlines() if line.startswith("ISOLOOP")), None)
        if line is None:
            raise TargetError(f"what is on {self.port} does not answer as MicroPython does: isoloop doctor {self.port}")
        found = json.loads(line.removeprefix("ISOLOOP"))
        slot = None
        words = (found["slot"] or "").split()
        if len(words) == 2 and words[0] in ("a", "b") and words[1] == (found["image"] or "none"):
            slot = words[0]
        facts = Facts(
            found["platform"], tuple(found["version"]), found["mpy"], found["machine"], found["unique_id"], found["image"], slot,
            found["main"], found["free"], found["heap"], dict(found["hashes"]),
        )  # fmt: skip
        self._refuse_what_cannot_run(facts)
        return facts

    def run(self, code: str, limit_s: float) -> str:
        """Run a piece of Python on the board and return what it printed.

        Raises:
            TargetError: it raised, or the board did not answer in time.
        """
        return self._mpremote(["exec", code], limit_s)

    def fill(self, folder: Path, names: Sequence[str], to: str) -> dict[str, str]:
        """Make a folder of the board hold these files of a local one and nothing else.

        It travels as one compressed bundle: `fs cp` of seventy files takes minutes where this takes seconds.

        Returns:
            SHA-256 of each file as the board reads it back, hex, by path.

        Raises:
            TargetError: it broke off.
        """
        bundle = _bundle(folder, names)
        words: list[str] = ["exec", _BEGIN]
        for at in range(0, len(bundle), _PIECE_BYTES):
            piece = base64.b64encode(bundle[at : at + _PIECE_BYTES]).decode()
            words += ["+", "exec", f"f.write(a2b_base64('{piece}'))"]
        words += ["+", "exec", _UNPACK % to]
        told = self._mpremote(words, 60 + len(bundle) / 1000)
        return dict(line.removeprefix("FILE ").split(" ") for line in told.splitlines() if line.startswith("FILE "))

    def reset(self) -> None:
        """As if its power came back; the port goes away and comes again."""
        self._mpremote(["exec", "--no-follow", "import time, machine; time.sleep_ms(200); machine.reset()"], 20)

    def _mpremote(self, words: Sequence[str], limit_s: float) -> str:
        command = [sys.executable, "-m", "mpremote", "connect", self.port, *words]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=limit_s * self._patience
            )
        except subprocess.TimeoutExpired:
            limit_s *= self._patience
            raise TargetError(f"the board on {self.port} did not finish within {limit_s:.0f} s: reset it and try again") from None
        if done.returncode != 0:
            raise self._explain(done.stderr + done.stdout)
        return done.stdout

    def _explain(self, told: str) -> TargetError:
        lines = [line.strip() for line in told.strip().splitlines() if line.strip()]
        last = lines[-1] if lines else "no message"
        if "could not enter raw repl" in told or "could not exec" in told:
            return TargetError(
                f"the board on {self.port} does not come to MicroPython's prompt: close its maintenance strap (GP22 to ground), "
                "reset it, try again"
            )
        if "failed to access" in told or "in use by another" in told or "no device found" in told:
            return TargetError(f"port {self.port} is in use by another program or gone: close that one, or plug the cable in again")
        if "ENOSPC" in told or "[Errno 28]" in told:
            return TargetError(f"the file system of the board on {self.port} is full: remove what is not needed (mpremote fs rm)")
        if "SerialException" in told or "disconnected" in told or "[Errno 5]" in told or "[Errno 6]" in told:
            return TargetError(f"port {self.port} vanished in the middle: plug the cable in again and repeat the command")
        return TargetError(f"the board on {self.port} refused ({last}): reset it and repeat; isoloop doctor {self.port} looks at it")

    def _refuse_what_cannot_run(self, facts: Facts) -> None:
        where = f"the board on {self.port}"
        if facts.platform != PLATFORM or "RP2040" not in facts.machine:
            what = facts.machine or facts.platform
            raise UsageError(f"{where} is a {what}: isoloop runs on the RP2040 (Raspberry Pi Pico); take such a board")
        if facts.version[:2] < MICROPYTHON_MIN or facts.mpy & 0xFF != 6 or facts.mpy >> 8 & 3 < 3:
            version = ".".join(str(part) for part in facts.version)
            raise UsageError(
                f"{where} has MicroPython {version}, which is too old ({MICROPYTHON_MIN[0]}.{MICROPYTHON_MIN[1]} or later): hold BOOTSEL "
                "while plugging it in, then isoloop flash DRIVE"
            )
