"""The report in a real browser, where there is one: its script runs, draws every panel and fills the event table."""

from __future__ import annotations

import os
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
        reason = f"no browser: one of {', '.join(BROWSERS)} is needed to run the page's script (apt-get install chromium)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}",
         "--window-size=1400,2600", "--virtual-time-budget=8000", "--dump-dom", f"{path.as_uri()}{fragment}"],
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


def test_report_in_a_browser_reads_values_and_states_at_the_pointer(tmp_path: Path) -> None:
    """The pointer rests in the middle of 63..65 s: rad2_in travels, its leak runs at the true rate, the clock says where."""
    path = build_report(write_run(tmp_path / "run"))
    script = """<script>
    setTimeout(() => {
      const plot = document.querySelector("#panel-loop .plot"), box = plot.getBoundingClientRect();
      const at = {bubbles: true, clientX: box.left + 98 + (box.width - 108) / 2, clientY: box.top + 20};
      plot.dispatchEvent(new MouseEvent("mousemove", at));
    }, 1000);
    </script>"""
    pointed = tmp_path / "pointed.html"
    pointed.write_text(path.read_text(encoding="utf-8") + script, encoding="utf-8")
    dom = rendered(pointed, tmp_path, "#t=63,65")
    assert re.search(r'<output id="cursor">6(3\.9\d|4\.0\d) s</output>', dom)
    assert re.search(r"<span>rad2_in</span><b>travelling</b>", dom)
    assert re.search(r"<span>leak, radiator 2</span><b>5\.80 mL/s</b>", dom)
