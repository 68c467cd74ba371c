"""Line coverage of the firmware under MicroPython is measured, and every module of the flight package is in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isoloop import images

sys.path.insert(0, str(Path(__file__).parent))


def test_statements_are_those_that_leave_code(tmp_path: Path) -> None:
    import lines

    path = tmp_path / "module.py"
    head = '"""Doc."""\n_A = const(3)\nB = (\n    1,\n)\n'
    path.write_text(head + 'def f(x):\n    """Doc."""\n    if x:\n        pass\n    else:\n        return 1\n')
    spans = lines.statements(path)
    assert spans == [(3, 5), (6, 6), (8, 8), (11, 11)]
    assert lines.covered(spans, {4, 11}) == [(3, 5), (11, 11)]


@pytest.mark.long
@pytest.mark.timeout(1700)
@pytest.mark.skipif(images.find("unix64cov") is None, reason="image unix64cov is not built: make images")
def test_firmware_is_run_through_under_micropython(tmp_path: Path) -> None:
    import measure

    found = measure.measure(tmp_path)
    assert {"tcs/app.py", "tcs/detector_kernel.py", "tcs/commands.py"} <= found.keys()
    # How much of it is what `make coverage` judges.
    assert all(run for name, (spans, run) in found.items() if spans and name.startswith("tcs/"))
