"""JUnit XML of a set of runs: a missed expectation is a failure, target trouble an error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from isoloop.cli.outcome import Outcome
from isoloop.cli.outdir import output_error
from isoloop.cli.verdict import expectation_lines, one_line

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write one test case a run.

    Raises:
        OutputError: `path` cannot be written.
    """
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(root, "testsuite", name="isoloop")
    failures = errors = 0
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=_clean(outcome.job.scenario.name), name=_clean(outcome.job.name), time=f"{outcome.wall_s:.3f}"
        )
        if outcome.error is not None:
            errors += 1
            element = ElementTree.SubElement(case, "error", type=type(outcome.error).__name__, message=_clean(str(outcome.error)))
            element.text = _clean(getattr(outcome.error, "traceback", ""))
        elif outcome.summary is not None and not outcome.summary["ok"]:
            failures += 1
            missed = [line for line in expectation_lines(outcome.summary) if not line.startswith("ok")]
            element = ElementTree.SubElement(case, "failure", type="expectation", message=_clean("; ".join(missed)))
            element.text = _clean(one_line(outcome.summary))
    for element in (root, suite):
        element.set("tests", str(len(outcomes)))
        element.set("failures", str(failures))
        element.set("errors", str(errors))
        element.set("time", f"{sum(outcome.wall_s for outcome in outcomes):.3f}")
    ElementTree.indent(root)
    try:
        ElementTree.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)
    except OSError as error:
        raise output_error(path, error) from None


def _clean(text: str) -> str:
    """`text` without the control characters that XML cannot hold."""
    return _NOT_XML.sub("?", text)
