"""What the built images are: their numbers, their emitters, and what is frozen into the one that is flashed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isoloop import images
from isoloop.images import builder, hashing, patches, sources, store, tools
from isoloop.images.errors import ImageError
from isoloop.paths import firmware_dir

VIPER = """
import micropython
from array import array
@micropython.viper
def first(a: ptr32) -> int:
    return a[0]
@micropython.viper
def total(n: int) -> int:
    s = 0
    i = 0
    while i < n:
        s += i
        i += 1
    return s
@micropython.native
def twice(x):
    return x + x
print(first(array("i", [-5])), total(1000), twice(21))
"""


def run(program: Path, code: str) -> str:
    done = subprocess.run([program, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def uf2_payload(path: Path) -> bytes:
    blocks = path.read_bytes()
    assert len(blocks) % 512 == 0
    return b"".join(blocks[at + 32 : at + 32 + int.from_bytes(blocks[at + 16 : at + 20], "little")] for at in range(0, len(blocks), 512))


# unix32


def test_unix32_is_a_32_bit_program(unix32: Path) -> None:
    assert run(unix32, "import sys; print(sys.implementation.name, sys.maxsize)") == f"micropython {2**31 - 1}"


@pytest.mark.parametrize(
    ("expression", "allocates"),
    [("a + (a - 1)", False), ("a + a", True), ("-a - a", False), ("-a - a - 1", True)],
    ids=["2^30-1", "2^30", "-2^30", "-2^30-1"],
)
def test_unix32_small_ints_end_at_31_bits(unix32: Path, expression: str, allocates: bool) -> None:
    code = f"""
import micropython
a = int("{2**29}")
def go():
    micropython.heap_lock()
    try:
        {expression}
        return "free"
    except MemoryError:
        return "allocates"
    finally:
        micropython.heap_unlock()
print(go())
"""
    assert run(unix32, code) == ("allocates" if allocates else "free")


def test_unix32_floats_are_single(unix32: Path) -> None:
    assert run(unix32, "print(float(2**24) + 1.0 == float(2**24), float(2**23) + 1.0 == float(2**23))") == "True False"


def test_unix32_viper_and_native_work_and_ptr32_is_signed(unix32: Path) -> None:
    assert run(unix32, VIPER) == "-5 499500 42"


def test_unix32_runs_the_firmware_tree_from_its_path(unix32: Path) -> None:
    done = subprocess.run(
        [unix32, "-c", "import tcs.crc; print(tcs.crc.__file__)"],
        capture_output=True,
        text=True,
        timeout=30,
        env={"MICROPYPATH": f"{firmware_dir()}:.frozen"},
    )
    assert done.stdout.strip() == f"{firmware_dir()}/tcs/crc.py", done.stderr


# unix64cov


def test_unix64cov_traces_lines(unix64cov: Path) -> None:
    code = """
import sys
lines = []
def trace(frame, event, arg):
    if event == "line":
        lines.append(frame.f_lineno)
    return trace
def work():
    a = 1
    return a
sys.settrace(trace)
work()
sys.settrace(None)
print(len(lines) >= 2)
"""
    assert run(unix64cov, code) == "True"


# pico


def test_pico_freezes_every_file_of_the_firmware(pico_uf2: Path, firmware_tree: Path) -> None:
    payload = uf2_payload(pico_uf2)
    tree = firmware_tree
    frozen = [path.relative_to(tree).as_posix() for folder in ("tcs", "boards") for path in sorted((tree / folder).rglob("*.py"))]
    frozen += ["main.py", "start.py"]
    assert frozen
    assert [name for name in frozen if name.encode() + b"\0" not in payload] == []


def test_pico_leaves_its_file_system_alone(pico_uf2: Path) -> None:
    assert len(uf2_payload(pico_uf2)) <= (2048 - 1408) * 1024


def test_pico_sidecar_says_what_the_file_is(pico_uf2: Path, firmware_tree: Path) -> None:
    known = images.info("pico", firmware_tree)
    assert known is not None
    assert known.path == pico_uf2
    assert known.sha256 == hashing.file_sha256(pico_uf2)
    assert known.dictionary_hash == builder.dictionary_hash(firmware_tree)
    assert known.image_id.encode() in uf2_payload(pico_uf2)
    assert json.loads((pico_uf2.parent / store.SIDECAR).read_text())["sha256"] == known.sha256


def test_pico_is_stale_as_soon_as_a_firmware_file_changes(pico_uf2: Path, firmware_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "firmware"
    shutil.copytree(firmware_tree, tree)
    assert images.find("pico", tree) == pico_uf2
    (tree / "tcs/crc.py").write_text((tree / "tcs/crc.py").read_text() + "\n")
    assert images.find("pico", tree) is None


@pytest.fixture
def build_folder(pico_uf2: Path, firmware_tree: Path, tmp_path: Path) -> None:
    """What `pico` is compiled in, whole: the image may be there without it, when a later build was cut off."""
    tree = tmp_path / "marked"
    shutil.copytree(firmware_tree, tree)
    (tree / "tcs/mark.py").write_text(f"MARK = {str(tmp_path)!r}\n")
    if images.refresh("pico", tree) is None:
        images.build(["pico"], firmware=tree)


def test_refresh_freezes_a_changed_firmware_anew(build_folder: None, firmware_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "firmware"
    shutil.copytree(firmware_tree, tree)
    (tree / "tcs/crc.py").unlink()
    (tree / "tcs/newcomer.py").write_text(f"MARK = {str(tmp_path)!r}\n")
    path = images.refresh("pico", tree)
    assert path is not None
    payload = uf2_payload(path)
    assert b"tcs/newcomer.py\0" in payload
    assert str(tmp_path).encode() in payload
    assert b"tcs/crc.py\0" not in payload


def test_cache_keeps_the_newest_images_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program = tmp_path / "program"
    program.write_bytes(b"x")
    other = store.image_dir("pico-w", "0" * 64)
    other.mkdir(parents=True)
    ids = [f"{number:064x}"[::-1] for number in range(1, store.KEPT_IMAGES + 3)]
    for number, image_id in enumerate(ids):
        made = store.ImageInfo("pico", program, hashing.file_sha256(program), 1, image_id, None, "1.25.0", {}, "gcc")
        os.utime(store.save(made).path.parent, (number, number))
    assert [image_id for image_id in ids if store.load("pico", image_id)] == ids[-store.KEPT_IMAGES :]
    assert other.is_dir()


def test_refresh_without_a_build_folder_does_not_begin_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert images.refresh("pico") is None
    assert list(tmp_path.iterdir()) == []


def test_firmware_that_does_not_compile_is_named(build_folder: None, firmware_tree: Path, tmp_path: Path) -> None:
    tree = tmp_path / "firmware"
    shutil.copytree(firmware_tree, tree)
    (tree / "tcs/broken.py").write_text("def f(:\n")
    with pytest.raises(ImageError, match=r"^compiling pico failed: .*tcs/broken\.py.* \(log: "):
        images.refresh("pico", tree)
    # One bad file must not cost everybody a whole build.
    assert images.refresh("pico", firmware_tree) is not None


def _other_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache elsewhere, with a path of another length, that holds only the downloads."""
    downloads = sources.downloads_dir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-cache-with-quite-another-path"))
    if downloads.is_dir():
        shutil.copytree(downloads, sources.downloads_dir())


@pytest.mark.long
def test_pico_built_again_elsewhere_is_the_same_file(
    pico_uf2: Path, firmware_tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = pico_uf2.read_bytes()
    _other_cache(tmp_path, monkeypatch)
    built = images.build(["pico"], firmware=firmware_tree)["pico"]
    assert built.path != pico_uf2
    assert built.path.read_bytes() == want


@pytest.mark.long
def test_images_build_from_checkouts(pico_uf2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from isoloop.emulator import run_python

    _other_cache(tmp_path, monkeypatch)
    checkout = tmp_path / "checkout"
    (checkout / "mp").mkdir(parents=True)
    subprocess.run(["dpkg-deb", "-x", sources.downloads_dir() / sources.PICO_SDK.file, checkout / "sdk"], check=True)
    archive = sources.downloads_dir() / sources.MICROPYTHON.file
    subprocess.run(["tar", "-xf", archive, "-C", checkout / "mp", "--strip-components=1"], check=True)
    before = hashing.tree_sha256(checkout)
    monkeypatch.setenv("MICROPYTHON_DIR", str(checkout / "mp"))
    monkeypatch.setenv("PICO_SDK_PATH", str(checkout / "sdk/usr/src/pico-sdk"))
    built = images.build(["pico", "unix32"])
    assert built["pico"].sources["micropython"].startswith("tree:")
    assert "499500" in run(built["unix32"].path, VIPER)
    assert run_python(built["pico"].path, "import tcs; print(tcs)").output.startswith("<module 'tcs'")
    assert hashing.tree_sha256(checkout) == before


# Refusals: one sentence, exit 2, nothing built


def test_unknown_image_is_refused_by_name() -> None:
    with pytest.raises(ImageError, match="no image is called 'unix33'"):
        images.find("unix33")


def test_missing_tools_are_named_with_the_apt_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ImageError, match=r"lacks make, .*: apt-get install make gcc-multilib g\+\+ cmake gcc-arm-none-eabi "):
        tools.require(["pico"])


def test_apt_list_holds_every_package_that_a_tool_asks_for() -> None:
    listed = Path(tools.__file__).with_name("apt-packages.txt").read_text().splitlines()
    assert {line for line in listed if not line.startswith("#")} == {tool.package for tool in tools.TOOLS} | {"debian-archive-keyring"}


@pytest.mark.parametrize("variable", ["MICROPYTHON_DIR", "PICO_SDK_PATH"])
def test_wrong_checkout_is_refused_by_its_variable(variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ImageError, match=f"^{variable}={tmp_path}: no "):
        images.find("pico")


def test_unknown_release_is_refused_by_the_patch_that_does_not_fit(tmp_path: Path) -> None:
    port = tmp_path / "ports/rp2"
    port.mkdir(parents=True)
    (port / "CMakeLists.txt").write_text("set(MICROPY_SSL_MBEDTLS MAYBE)\n")
    with pytest.raises(ImageError, match=r"expected one match of .* found 0"):
        patches.apply(tmp_path)


def test_command_line_without_an_image_says_how_to_build_it(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "isoloop.images", "path", "unix32"],
        capture_output=True,
        text=True,
        env={"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)},
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "isoloop.images: unix32 is not built or not up to date: make images\n"


@pytest.mark.parametrize(
    ("line", "want"), [("DICTIONARY_HASH = const(0xBEEF)", 0xBEEF), ("DICTIONARY_HASH = 12", 12), ("_DICTIONARY_HASH = 1", None)]
)
def test_dictionary_hash_is_read_from_the_generated_tables(tmp_path: Path, line: str, want: int | None) -> None:
    (tmp_path / "tcs").mkdir()
    (tmp_path / "tcs/tables.py").write_text(f"# generated\n{line}\n")
    assert builder.dictionary_hash(tmp_path) == want
