"""The example project: outside this repository's tree, with isoloop from a wheel; and its CI recipe."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
EXAMPLE = REPOSITORY / "hil" / "example"
WORKFLOW = EXAMPLE / ".github" / "workflows" / "isoloop.yml"

pytestmark = pytest.mark.req("REQ-HIL-007")


def run_ci(project: Path, target: str, path: str) -> Path:
    """What the workflow's last step runs."""
    environ = {**os.environ, "PATH": path, "CI": "true"}
    command = ["sh", "ci.sh", target, "out"]
    done = subprocess.run(command, cwd=project, env=environ, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    out = project / "out"
    scenarios = ElementTree.parse(out / "scenarios.xml").getroot()
    assert [case.get("name") is not None for case in scenarios.iter("testcase")] == [True]
    assert not list(scenarios.iter("failure"))
    assert len(list(ElementTree.parse(out / "tests.xml").iter("testcase"))) == 5
    assert len(list(out.glob("runs/*/report.html"))) == 1
    return out


def test_workflow_is_one_and_its_steps_are_shell_that_parses() -> None:
    yaml = pytest.importorskip("yaml")
    workflow = yaml.safe_load(WORKFLOW.read_text())
    job = workflow["jobs"]["emulated-board"]
    steps = [step["run"] for step in job["steps"] if "run" in step]
    for step in steps:
        subprocess.run(["sh", "-n"], input=step, text=True, check=True, timeout=10)
    assert any("sh ci.sh pico out" in step for step in steps)
    kept = job["steps"][-1]
    assert kept["uses"].startswith("actions/upload-artifact@")
    assert (kept["if"], kept["with"]["path"]) == ("always()", "out")


@pytest.mark.long
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("target", ["unix", "pico"])
def test_example_passes_with_isoloop_from_the_wheel(tmp_path: Path, target: str) -> None:
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(tmp_path), str(REPOSITORY)], check=True, timeout=300)
    wheel = next(tmp_path.glob("isoloop-*.whl"))
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, timeout=120)
    python = place / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=120)
    # What isoloop needs is this environment's own; isoloop itself is the wheel's, which comes first.
    site = next((place / "lib").glob("python*/site-packages"))
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    ask = "import isoloop_hil; print(isoloop_hil.__file__)"
    where = subprocess.run([str(python), "-c", ask], capture_output=True, text=True, check=True)
    assert str(place) in where.stdout
    for name in ("pytest", "py.test"):
        (place / "bin" / name).write_text(f"#!{python}\nimport sys, pytest\nsys.exit(pytest.main())\n")
        (place / "bin" / name).chmod(0o755)
    project = tmp_path / "project"
    shutil.copytree(EXAMPLE, project)
    run_ci(project, target, f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}")
