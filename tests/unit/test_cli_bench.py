"""`isoloop bench`: rows, words and exit code; what it measures is flown elsewhere."""

from __future__ import annotations

import json

import pytest

from isoloop.bench import pico_pace
from isoloop.cli import bench
from isoloop.errors import UsageError

ROW = bench.Row("closed loop", 12_345.6, "ticks/s", ">= 10000", True, "isoloop bench emulator")


def measures(monkeypatch: pytest.MonkeyPatch, *rows: bench.Row) -> None:
    for name in ("_ms22_ticks", "_nominal_ticks", "_ms22_command"):
        monkeypatch.setattr(bench, name, lambda full: [])
    monkeypatch.setattr(bench, "_nominal_ticks", lambda full: list(rows))
    monkeypatch.setattr(pico_pace, "measure", lambda full: [])


def test_bench_json_is_one_document_with_the_rows(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measures(monkeypatch, ROW)
    assert bench.bench("emulator", full=False, json=True) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["bench"] == "emulator"
    assert document["rows"] == [
        {"name": "closed loop", "value": 12345.6, "unit": "ticks/s", "want": ">= 10000", "ok": True, "command": "isoloop bench emulator"}
    ]


@pytest.mark.req("REQ-PRF-002")
def test_bench_only_what_is_not_wall_time_fails(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    slow = bench.Row("closed loop", 1.0, "ticks/s", ">= 10000", False, "x")
    measures(monkeypatch, slow, ROW)
    assert bench.bench("emulator", full=False, json=False) == 0
    out = capsys.readouterr().out
    assert "MISSED" in out
    assert "12,346" in out or "1.235e+04" in out
    assert "cut:" in out
    measures(monkeypatch, bench.Row("allocations", 1.0, "", "0", False, "x", wall_time=False))
    assert bench.bench("emulator", full=True, json=False) == 1


def test_bench_what_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no bench"):
        bench.bench("tea", full=False, json=False)
