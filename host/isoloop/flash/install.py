"""From a port to a board that runs isoloop and has said so itself."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isoloop.dictionary import load_dictionary
from isoloop.errors import TargetError, UsageError
from isoloop.flash.board import MAIN_MARK, Facts, PromptBoard
from isoloop.flash.calibration import read_calibration
from isoloop.flash.look import BENCH, FLYING, RIG, fetch_identity, look_at, send_to_maintenance
from isoloop.flash.package import Package, build_package
from isoloop.link.keys import key_path, read_key
from isoloop.link.ports import open_port
from isoloop.link.telecommand import KEY_BYTES, Credentials
from isoloop.paths import firmware_dir

KIND_CALIBRATION = 2
KIND_KEY = 5
_FIRST = "a"
_OTHER = {"a": "b", "b": "a"}
DATA_BYTES = 110_000
"""Memory that the application takes for its own when it starts, measured on the Pico; what is loaded into memory comes on top."""
_ROOM_BYTES = 100_000
"""Left free for what a board keeps besides: the folder of sectors (80 kB) and the file system's own."""

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Options:
    """How to flash.

    Attributes:
        board: name of the board file.
        key: key file of the board: whose key it has or shall have; None: the one kept for its id, else a new one is made.
        board_id: id that it shall have, 8 bytes; None: the chip's own.
        calibration: TOML file of its channels; None leaves what it has.
        replace: also where another program's main.py is.
        timeout_s: longest wait for the new firmware to speak up.
        patience: how much slower than a board an emulated one may be.
        firmware: tree to put on it; None: the one that travels with this package.
    """

    board: str = "reference"
    key: Path | None = None
    board_id: bytes | None = None
    calibration: Path | None = None
    replace: bool = False
    timeout_s: float = 30.0
    patience: float = 1.0
    firmware: Path | None = None


@dataclass(frozen=True)
class Installed:
    """What runs on the board now, by its own word over the link.

    Attributes:
        port: where it is.
        machine: which board.
        image_id: of the package or image, hex.
        folder: that it runs from.
        board_id: as provisioned.
        key_file: where its key is kept on this host.
        free_heap_bytes: as telemetered.
    """

    port: str
    machine: str
    image_id: str
    folder: str
    board_id: bytes
    key_file: Path
    free_heap_bytes: int


def flash(port: str, options: Options, progress: Progress = lambda line: None) -> Installed:
    """Put the package into the spare folder of the board on `port`, switch to it, and let it say what runs.

    Whatever goes wrong before the switch leaves the board as it was, and when the new firmware does not speak up the old one is put back.

    Raises:
        UsageError, InputError, TargetError: one sentence with what to do.
    """
    open_port(port).close()  # before anything takes time
    package = build_package(options.firmware or firmware_dir(), options.board)
    rows = None if options.calibration is None else read_calibration(options.calibration)
    known_key = None if options.key is None or not options.key.exists() else read_key(options.key)
    progress(f"package {package.image_id[:8]}, {package.size_bytes // 1000} kB")
    seen = look_at(port)
    if seen.what == FLYING:
        progress("isoloop flies there: maintenance")
        send_to_maintenance(port, known_key, seen, options.timeout_s * options.patience)
    elif seen.what == RIG:
        raise UsageError(f"on {port} is a rig's own Pico, not the board in it: name the board's data port (docs/hil.md)")
    elif seen.what == BENCH:
        progress("the board waits on its bench")
    board = PromptBoard(port, options.patience)
    facts = board.facts()
    job = _Job(board, facts, package, options, progress)
    try:
        job.check()
        job.copy()
        credentials, key_file = job.provision(known_key, rows)
        job.switch(job.spare)
    except (UsageError, TargetError):
        job.let_go()
        raise
    return job.prove(credentials, key_file)


class _Job:
    def __init__(self, board: PromptBoard, facts: Facts, package: Package, options: Options, progress: Progress) -> None:
        self.spare = _OTHER[facts.slot] if facts.slot else _FIRST
        self._board = board
        self._facts = facts
        self._package = package
        self._names = package.differing(facts.frozen)
        self._options = options
        self._progress = progress

    def check(self) -> None:
        """Refuse before anything is written."""
        facts = self._facts
        code = sum((self._package.folder / name).stat().st_size for name in self._names)
        if facts.heap_bytes < code * 5 // 4 + DATA_BYTES:
            raise UsageError(
                f"{code // 1000} kB of modules do not fit into the memory of the board on {self._board.port} beside what they work with: "
                "hold BOOTSEL while plugging it in, then isoloop flash DRIVE puts the image on it, from which they run in flash"
            )
        where = f"the board on {self._board.port}"
        if facts.main is not None and MAIN_MARK not in facts.main and not self._options.replace:
            raise UsageError(
                f"{where} runs a program of its own (main.py): save it, then repeat with --replace, which keeps it as main.py.before"
            )
        needed = code * 5 // 4 + _ROOM_BYTES
        if facts.free_bytes < needed and facts.slot is None:
            room = f"{facts.free_bytes // 1000} kB free and {needed // 1000} kB are needed"
            raise UsageError(f"{where} has {room}: remove files (mpremote fs rm)")

    def copy(self) -> None:
        """Fill the spare folder, and let the board hash what has arrived."""
        board, spare, package = self._board, self.spare, self._package
        frozen = len(package.digests) - len(self._names)
        same = f", {frozen} are in its image" if frozen else ""
        self._progress(f"{len(self._names)} files to folder {spare} of the {self._facts.machine}{same}")
        found = board.fill(package.folder, self._names, spare)
        wrong = [name for name in self._names if found.get(name) != package.digests[name]]
        if wrong:
            raise TargetError(f"{wrong[0]} did not arrive whole on {board.port}: the board is as it was; repeat the command")

    def provision(self, known: Credentials | None, calibration: bytes | None) -> tuple[Credentials, Path]:
        """Board id, key and calibration. The key that is kept for this board stays its key."""
        options = self._options
        board_id = options.board_id or (known.board_id if known else bytes.fromhex(self._facts.unique_id))
        if known is not None and known.board_id != board_id:
            raise UsageError(f"{options.key} is the key of board {known.board_id.hex()}, not of {board_id.hex()}: name its own, or none")
        key_file = options.key or key_path(board_id)
        if known is None and key_file.exists():
            known = read_key(key_file)
        credentials = known or Credentials(board_id, secrets.token_bytes(KEY_BYTES))
        if known is None:
            _keep_key(key_file, credentials)
        self._save(KIND_KEY, credentials.board_id + credentials.key)
        if calibration is not None:
            self._save(KIND_CALIBRATION, calibration)
        self._progress(f"board id {board_id.hex()}, key in {key_file}" + (", calibration" if calibration else ""))
        return credentials, key_file

    def switch(self, folder: str) -> None:
        """The one small write."""
        code = "from tcs.hal import rp2_provision\n"
        self._board.run(self._path() + code + f"rp2_provision.switch({folder!r}, {self._facts.made_for!r})", 20)
        if self._facts.image is None and folder:
            # Another MicroPython has no frozen main.py. It changes so rarely that it mostly is the same already.
            text = (self._options.firmware or firmware_dir()).joinpath("main.py").read_text()
            self._board.run(_MAIN % (text, MAIN_MARK), 20)

    def let_go(self) -> None:
        """After a refusal: start again what ran before."""
        try:
            self._board.reset()
        except TargetError:
            pass

    def prove(self, credentials: Credentials, key_file: Path) -> Installed:
        """Restart, and compare what the board says with what was put there; else put the old one back."""
        board, package, options = self._board, self._package, self._options
        self._progress("restarting")
        try:
            board.reset()
            found = fetch_identity(board.port, credentials, options.timeout_s * options.patience)
            image = f"{found['image_hash_hi']:04x}{found['image_hash_lo']:04x}"
            if image != package.image_id[:8]:
                raise TargetError(f"the board on {board.port} runs {image}, not {package.image_id[:8]}")
            if found["dictionary_hash"] != load_dictionary().hash:
                raise TargetError(f"the board on {board.port} was made with dictionary 0x{found['dictionary_hash']:04X}")
        except TargetError as error:
            raise TargetError(f"{error}; {self._put_back(credentials)}") from None
        free = found["free_heap_bytes"]
        return Installed(
            board.port, self._facts.machine, package.image_id, self.spare, credentials.board_id, key_file, -1 if free is None else free
        )

    def _put_back(self, credentials: Credentials) -> str:
        if self._facts.image is None and self._facts.slot is None:
            return "isoloop doctor says what is there now"
        port, options = self._board.port, self._options
        try:
            seen = look_at(port)
            if seen.what == FLYING:
                send_to_maintenance(port, credentials, seen, options.timeout_s * options.patience)
            self._board.facts()
            self.switch(self._facts.slot or "")
            self._board.reset()
        except (TargetError, UsageError):
            return "it could not be switched back: reset it with the maintenance strap closed (GP22 to ground) and flash again"
        return "what ran before has been put back"

    def _path(self) -> str:
        """Where the board finds its tools: in its image, else in what has just been copied."""
        return "" if self._facts.frozen else f"import sys\nsys.path.insert(0, '/{self.spare}')\n"

    def _save(self, kind: int, payload: bytes) -> None:
        told = self._board.run(self._path() + _SAVE % (self._options.board, self._options.board, kind, payload), 60)
        if "SAVED" not in told:
            raise TargetError(f"the board on {self._board.port} could not keep a record: its flash is worn; take another board")


def _keep_key(path: Path, credentials: Credentials) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(f"{credentials.board_id.hex()}\n{credentials.key.hex()}\n")


_SAVE = """
from tcs.hal import rp2_provision
from boards import %s
if rp2_provision.save(%s, %d, %r):
    print("SAVED")
"""

_MAIN = """
import os
text = %r
try:
    with open("/main.py") as f:
        old = f.read()
except OSError:
    old = ""
if old != text:
    if old and %r not in old:
        os.rename("/main.py", "/main.py.before")
    with open("/main.py.new", "w") as f:
        f.write(text)
    os.rename("/main.py.new", "/main.py")
"""
