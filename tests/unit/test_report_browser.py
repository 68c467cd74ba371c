"""The report in a real browser, where there is one: its script runs, draws every panel and fills the event table."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from isoloop.report import build_report

sys.path.insert(0, str(Path(__file__).parent))
from report_runs import write_run

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def rendered(path: Path, tmp_path: Path, fragment: str = "") -> str:
    """The page's document after its script has run."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser: one of {', '.join(BROWSERS)} is needed to run the page's script")
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1400,2600",
         "--virtual-time-budget=8000", "--dump-dom", f"{path.as_uri()}{fragment}"],
        capture_output=True, text=True, timeout=100, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.req("REQ-RPT-001")
def test_report_in_a_browser_draws_every_panel(tmp_path: Path) -> None:
    dom = rendered(build_report(write_run(tmp_path / "run")), tmp_path, "#t=55,75")
    frame = r'<figure class="panel" id="panel-([\w-]+)" data-key="[^"]*" data-kind="(?:events|lines|strips)">(.*?)</figure>'
    frames = re.findall(frame, dom, re.DOTALL)
    assert [name for name, _ in frames[:5]] == ["events", "loop", "head", "cabin", "temperature"]
    for name, body in frames:
        assert body.count('class="main-svg"') >= 1, f"panel {name} is empty"
        assert "scenario time, s" in body, f"panel {name} has no time axis"
        ticks = [float(tick) for tick in re.findall(r'class="xtick">.*?>([\d.]+)</text>', body, re.DOTALL)]
        assert ticks
        assert min(ticks) >= 55, f"panel {name} does not follow the zoom"
        assert max(ticks) <= 75
    assert "leak alarm 61.9 s" in dom
    rows = re.findall(r"<tr><td>([\d.]+)</td>", dom.split('id="events"', 1)[1])
    assert rows == ["0.00", "60.90", "61.90", "62.00", "65.10", "65.30"]


def test_report_in_a_browser_with_nothing_but_a_summary_still_stands(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for name in ("telemetry.csv", "truth.csv", "events.csv"):
        (folder / name).unlink()
    dom = rendered(build_report(folder), tmp_path)
    assert "leak onset (truth) 60 s" in dom
    assert dom.count('class="panel"') == 1
