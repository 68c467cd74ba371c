"""`isoloop replay`: a recorded log through the firmware."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from isoloop import jsonout
from isoloop.cli.display import LogTimeline, show_verdict
from isoloop.cli.fly import salvage
from isoloop.cli.outdir import check_out, output_error, replace_run_dir
from isoloop.cli.preflight import check_target
from isoloop.cli.request import run_name
from isoloop.cli.verdict import verdict_lines
from isoloop.errors import EXIT_INTERRUPTED, EXIT_OK, TargetError
from isoloop.schema import load_map


def replay(log: Path, map_source: str, target: str, out: Path, json: bool) -> int:
    """Check map and log, replay, report, and return the exit code.

    Raises:
        IsoloopError: something is refused and nothing was written, or the target died.
    """
    from isoloop.replay import load_log
    from isoloop.replay import replay as fly_log
    from isoloop.report import build_report

    replay_map = load_map(map_source)
    check_target(target)
    recorded = load_log(log, replay_map)
    name = re.sub(r"[^\w .+-]", "_", log.stem).lstrip(".") or "log"
    folder = out / run_name(name, target, 0)
    check_out(out, [folder], recorded.duration_s)
    replace_run_dir(folder)
    timeline = LogTimeline(f"{log.name}", int(recorded.duration_s * 1000 / replay_map.tick_ms), json)
    try:
        summary = fly_log(recorded, replay_map, target, folder, on_event=timeline.on_event, on_progress=timeline.on_progress)
        build_report(folder)
    except OSError as error:
        raise output_error(folder, error) from None
    except TargetError:
        salvage(folder)
        raise
    except KeyboardInterrupt:
        salvage(folder)
        print(f"isoloop: interrupted; what was recorded is in {folder}", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        timeline.close()
    if json:
        jsonout.emit({"ok": True, "runs": [summary]})
    else:
        show_verdict(verdict_lines(summary), [], folder)
    return EXIT_OK
