"""Rig files: what is refused, and with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from isoloop.errors import InputError, IsoloopError, UsageError
from isoloop.targets import open_target
from isoloop_hil import find
from isoloop_hil.find import find_port
from isoloop_hil.rig_file import Place, load_rig_file

GOOD = 'schema = "isoloop.rig/1"\nname = "b"\n[rig]\nusb_serial = "E66"\n'


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "bench.toml"
    path.write_text(text)
    return path


@pytest.mark.req("REQ-HIL-005")
@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        (GOOD.replace("rig/1", "rig/2"), 1, "schema", "isoloop.rig/1"),
        (GOOD + "colour = 1\n", 5, "rig.colour", "unknown key"),
        ('schema = "isoloop.rig/1"\nname = "b"\n', 1, "rig", "neither usb_serial nor port"),
        (GOOD + 'port = "/dev/ttyACM0"\n', 5, "rig.port", "one of the two"),
        (GOOD + '[board]\nmemory = "both"\n', 6, "board.memory", "own, scenario"),
        (GOOD + '[board]\nmemory = "scenario"\n', 6, "board.memory", "data port"),
        (GOOD + '[board]\nimage = "12xy"\n', 6, "board.image", "eight hexadecimal"),
        (GOOD.replace("name", 'wait_s = "long"\nname'), 2, "wait_s", "a number"),
    ],
)
def test_rig_file_that_is_wrong_is_refused_with_line_and_key(tmp_path: Path, text: str, line: int, key: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        load_rig_file(write(tmp_path, text))
    assert (caught.value.line, caught.value.key) == (line, key)
    assert words in caught.value.text


def test_rig_file_with_a_key_names_it_beside_itself(tmp_path: Path) -> None:
    file = load_rig_file(write(tmp_path, GOOD + '[board]\nkey = "a.key"\nimage = "ANY"\n'.replace("ANY", "any")))
    assert file.key == tmp_path / "a.key"
    assert (file.image, file.memory, file.rig) == ("any", "own", Place(usb_serial="E66"))


@pytest.mark.req("REQ-HIL-005")
def test_find_port_finds_a_board_by_its_serial_number_and_says_what_is_there_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    class Port:
        device = "/dev/ttyACM7"
        serial_number = "e66abc"

    monkeypatch.setattr(find, "list_ports", lambda: [Port()])
    assert find_port(Place(usb_serial="E66ABC"), "the rig") == "/dev/ttyACM7"
    with pytest.raises(UsageError, match=r"the rig of b\.toml is not plugged in.*E66999.*e66abc on /dev/ttyACM7"):
        find_port(Place(usb_serial="E66999"), "the rig of b.toml")


@pytest.mark.req("REQ-HIL-005")
@pytest.mark.parametrize(("place", "words"), [("nowhere.toml", "no such file"), ("", "wants a rig file")])
def test_target_of_a_rig_file_that_is_not_there_is_refused(place: str, words: str) -> None:
    with pytest.raises(IsoloopError, match=words) as caught:
        open_target(f"rig:{place}")
    assert caught.value.exit_code == 2


@pytest.mark.req("REQ-HIL-005")
def test_run_on_a_rig_without_its_port_ends_with_code_2(isoloop, tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace('usb_serial = "E66"', 'port = "/dev/ttyNOWHERE"'))
    done = isoloop("run", "ms22", "--target", f"rig:{path}")
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    assert "there is no port /dev/ttyNOWHERE" in done.stderr
