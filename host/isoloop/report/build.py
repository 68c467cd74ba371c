"""Puts the page together: template, style, script, plotting library, data, words."""

from __future__ import annotations

import json
import os
import tempfile
from functools import cache
from html import escape
from importlib import resources, util
from pathlib import Path

from isoloop import errors
from isoloop.report import REPORT_NAME, crew, payload, sheet, wording
from isoloop.report.boxes import KEY as BOX_KEY
from isoloop.report.boxes import box_panels
from isoloop.report.formats import seconds
from isoloop.report.layout import Layout, lay_out
from isoloop.report.rules import OTHER, Panel
from isoloop.report.runfolder import Run, mapping, number, read_run
from isoloop.report.strips import StripPanel, strip_panels

_LOSSES = {"events_dropped": "events were lost in the firmware's queue", "reports_skipped": "housekeeping reports were skipped"}
_SCRIPTS = ("page_core.js", "page_plots.js", "page.js")
_SHORT_BY_MS = 2_500  # telemetry that ends earlier than this before the run does is said to be cut short


def build(run_dir: Path) -> Path:
    """See isoloop.report.build_report."""
    run = read_run(run_dir)
    page = render(run)
    path = run_dir / REPORT_NAME
    try:
        _write_whole(path, page)
    except OSError as error:
        raise errors.OutputError(f"{path}: cannot be written: {error.strerror}") from None
    return path


def _write_whole(path: Path, text: str) -> None:
    """Write beside the file and rename, so that a full disk leaves no half report."""
    handle, name = tempfile.mkstemp(prefix=".report-", suffix=".html", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


@cache
def plotly_js() -> str:
    """The plotting library's script, as the plotly package carries it. The package itself is not imported.

    Raises:
        OutputError: plotly is not installed, or without its script.
    """
    spec = util.find_spec("plotly")
    if spec is not None and spec.submodule_search_locations:
        for folder in spec.submodule_search_locations:
            path = Path(folder) / "package_data" / "plotly.min.js"
            if path.is_file():
                return path.read_text(encoding="utf-8").replace("</script", "<\\/script")
    raise errors.OutputError("the report needs plotly's plotly.min.js, and no installed plotly carries it: pip install plotly")


def _asset(name: str) -> str:
    return resources.files("isoloop.report").joinpath(name).read_text(encoding="utf-8")


def render(run: Run) -> str:
    """The page of a run as one HTML text."""
    layout = lay_out(run)
    panels = layout.panels + box_panels(run)
    strips = strip_panels(run)
    head = wording.headline(run.summary)
    data = json.dumps(payload.document(run, panels, strips), separators=(",", ":"), allow_nan=False)
    parts = {
        "title": escape(f"{head.title} · isoloop run report"),
        "style": _asset("page.css"),
        "header": _header(run, head),
        "notes": _notes(run, layout),
        "tables": _tables(run),
        "plots": _plots(panels, strips),
        "provenance": _rows(sheet.provenance(run.summary)),
        "events_note": escape(_events_note(run)),
        "data": data.replace("<", "\\u003c"),  # no text of the run may end the script element
        "plotly": plotly_js(),
        "script": "".join(_asset(name) for name in _SCRIPTS),
    }
    page = _asset("page.html")
    pieces = page.split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, rest = piece.split("}}", 1)
        out += [parts[name], rest]
    return "".join(out)


def _header(run: Run, head: wording.Headline) -> str:
    kind = "Replay of a recorded log" if wording.is_replay(run.summary) else "Flight against the simulated loop"
    figures = "".join(
        f'<div class="figure"><dt>{escape(figure.label)}</dt><dd>{escape(figure.value)}<small>{escape(figure.note)}</small></dd></div>'
        for figure in head.figures
    )
    first, *others = [*head.sentences, *_first_fault(run)]
    return (
        f'<p class="kind">isoloop run report · {escape(kind)} · {escape(run.folder.resolve().name)}</p>'
        f'<h1>{escape(head.title)} <span class="outcome {head.outcome_kind}">{escape(head.outcome)}</span></h1>'
        f'<p class="lead">{escape(first)}</p>'
        f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in others)}</ul>"
        f'<dl class="figures">{figures}</dl>'
    )


def _first_fault(run: Run) -> list[str]:
    """Where a fault was diagnosed without a leak alarm, the first event that told of one."""
    if run.summary.get("t_detect_s") is not None or mapping(run.summary.get("verdict")).get("class", "none") == "none":
        return []
    told = [event for event in run.events if event.severity != "info" and event.name != "LEAK_SUSPECT"]
    if not told:
        return []
    detail = f" ({told[0].detail})" if told[0].detail else ""
    return [f"First report of a fault: {told[0].name}{detail} at {seconds(told[0].t_ms / 1000)}."]


def _notes(run: Run, layout: Layout) -> str:
    """What is missing, torn, or drawn with fewer points than recorded."""
    notes = [*run.notes]
    simulated = number(run.summary.get("sim_s"))
    if simulated is not None and run.telemetry.rows and run.telemetry.end_ms < simulated * 1000 - _SHORT_BY_MS:
        notes.append(f"telemetry ends at {run.telemetry.end_ms / 1000:g} s, the run at {simulated:g} s")
    if _was_broken_off(run):
        notes.insert(0, "the run was broken off: the page shows what was recorded; an expectation that held until then proves nothing")
    for key, label in _LOSSES.items():
        column = run.telemetry.columns.get(key)
        if column is not None and len(column.values) and column.values[-1] > 0:
            notes.append(f"{column.values[-1]:.0f} {label}")
    plain = []
    if payload.thinned(run, layout.panels):
        plain.append(
            "Lines are drawn from the first, smallest, largest and last of the samples that fall together, and from every sample"
            " around the marked times; the CSV files have all."
        )
    if layout.unknown:
        plain.append(f"Never known in this run, so not drawn: {', '.join(layout.unknown)}.")
    if layout.constant:
        plain.append(f"Constant throughout, so not drawn: {', '.join(layout.constant)}.")
    warned = f'<ul class="missing">{"".join(f"<li>{escape(_sentence(text))}</li>" for text in notes)}</ul>' if notes else ""
    return warned + "".join(f'<p class="fine">{escape(text)}</p>' for text in plain)


def _was_broken_off(run: Run) -> bool:
    """True for a run that the summary calls not ok although every expectation holds: it did not reach its end."""
    return run.summary.get("ok") is False and all(held for *_, held in sheet.expectations(run.summary))


def _sentence(text: str) -> str:
    """A note as a sentence; one that begins with a file name keeps its small letter."""
    capital = text if text.split(" ", 1)[0].rstrip(":").endswith(".csv") else text[:1].upper() + text[1:]
    return capital if capital.endswith(".") else capital + "."


def _events_note(run: Run) -> str:
    if not run.events:
        return "No event is on record."
    return f"{run.events_total} event{'' if run.events_total == 1 else 's'}. A click on a row shows its moment in the plots."


def _tables(run: Run) -> str:
    rows = "".join(
        f'<tr class="{"held" if ok else "failed"}"><td>{escape(name)}</td><td>{escape(got)}</td><td>{escape(want)}</td>'
        f"<td>{'✓ held' if ok else '✗ failed'}</td></tr>"
        for name, got, want, ok in sheet.expectations(run.summary)
    )
    expected = (
        f"<table><thead><tr><th>Expectation</th><th>Got</th><th>Want</th><th>Result</th></tr></thead><tbody>{rows}</tbody></table>"
        if rows
        else "<p>None were set.</p>"
    )
    told = crew.rows(run.folder)
    for_crew = f"<section><h2>For the crew, at the end</h2>{_rows(told)}</section>" if told else ""
    return (
        f"<section><h2>Expectations</h2>{expected}</section>{for_crew}"
        f"<section><h2>What flew</h2>{_rows(sheet.identity(run.summary))}</section>"
        f"<section><h2>Also on record</h2>{_rows(sheet.health(run.summary))}</section>"
    )


def _rows(rows: list[tuple[str, str]]) -> str:
    body = "".join(f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in rows)
    return f'<table class="pairs"><tbody>{body}</tbody></table>'


def _plots(panels: list[Panel], strips: list[StripPanel]) -> str:
    """The empty frames of all plots, in page order, with the heading and caption of each."""
    strip_frames = [_frame(strip.key, strip.title, strip.caption, "strips" if strip.strips else "none") for strip in strips]
    late = (BOX_KEY, "opening", "v_ref", OTHER)  # what explains the rest, after what happened
    early_frames = [_frame(panel.key, panel.title, panel.caption, "lines") for panel in panels if not panel.key.startswith(late)]
    late_frames = [_frame(panel.key, panel.title, panel.caption, "lines") for panel in panels if panel.key.startswith(late)]
    return "\n".join([_frame("events", "Events", "", "events"), *early_frames, *strip_frames, *late_frames])


def _frame(key: str, title: str, caption: str, kind: str) -> str:
    text = f'<p class="caption">{escape(caption)}</p>' if caption else ""
    plot = "" if kind == "none" else '<div class="row"><div class="plot"></div><div class="legend"></div></div>'
    key = escape(key)
    return f'<figure class="panel" id="panel-{key}" data-key="{key}" data-kind="{kind}"><h3>{escape(title)}</h3>{text}{plot}</figure>'
