"""`isoloop command`: one telecommand and what became of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from isoloop.dictionary import Dictionary, Field
from isoloop.errors import EXIT_EXPECTATION, EXIT_OK, EXIT_TARGET, UsageError

if TYPE_CHECKING:
    from isoloop.link.decoder import Report
    from isoloop.link.session import CommandOutcome
    from isoloop.link.telecommand import Credentials


def command(port: str, name: str, pairs: Sequence[str], timeout_s: float, key: Path | None, baud: int) -> int:
    """Send it and print its verification reports. 0 completed, 1 refused or failed, 3 no answer.

    Raises:
        IsoloopError: no such telecommand, key or port; the port is in use.
    """
    from isoloop.link.decoder import STAGES
    from isoloop.link.keys import find_credentials
    from isoloop.link.session import GroundLink

    arguments = dict(_pair(text) for text in pairs)
    _check(name, arguments)
    credentials = find_credentials(key)
    _read_keys(name, arguments, credentials)
    with GroundLink(port, baud, credentials, timeout_s=timeout_s) as link:
        came: list[Report] = []
        end_s = time.monotonic() + timeout_s
        outcome = link.command(name, arguments, timeout_s, came.append)
        # What some telecommands ask for comes behind their completion.
        while outcome.is_completed and _is_to_come(name, arguments, outcome, came, link.dictionary) and time.monotonic() < end_s:
            came += link.poll(max(0.0, end_s - time.monotonic()))
        for stage in outcome.stages:
            reason = f": {stage.reason_name(link.dictionary)}" if stage.is_failure else ""
            print(f"{stage.time_ms / 1000:10.2f} s  {name} {STAGES[stage.subtype]}{reason}")
            if stage.is_failure:
                print(_explained(stage.reason_name(link.dictionary), port, name, link.dictionary))
        for answer in _answers(name, arguments, outcome, came, link.dictionary):
            for line in answer_lines(answer, link.dictionary):
                print(f"{answer.time_ms / 1000:10.2f} s  {line}")
    if outcome.is_completed:
        return EXIT_OK
    if outcome.failure is not None:
        return EXIT_EXPECTATION
    print(f"no answer to {name} within {timeout_s:g} s")
    return EXIT_TARGET


def _explained(reason: str, port: str, name: str, dictionary: Dictionary) -> str:
    """What a reason means, and what to do about it where that is known."""
    text = next((row.text for row in dictionary.states if (row.group, row.name) == ("reason", reason)), "Unknown to this isoloop.")
    return f"{text} First: isoloop command {port} arm telecommand={name}" if reason == "not_armed" else text


def _answers(
    name: str, arguments: dict[str, str], outcome: CommandOutcome, came: list[Report], dictionary: Dictionary
) -> Sequence[Report]:
    """What is to be shown of all that came."""
    from isoloop.link.decoder import ParameterReport, StructureReport

    if name == "param_dump":
        return [report for report in came if isinstance(report, ParameterReport)]
    if name != "report_once":
        return outcome.answers
    wanted = arguments["structure"]
    done_ms = outcome.stages[-1].time_ms if outcome.is_completed else sys.maxsize
    found = (report for report in came if isinstance(report, StructureReport) and report.time_ms >= done_ms)
    return [report for report in found if wanted in (report.structure.name, str(report.structure.number))][:1]


def _is_to_come(name: str, arguments: dict[str, str], outcome: CommandOutcome, came: list[Report], dictionary: Dictionary) -> bool:
    """Whether reports that were asked for are still on their way."""
    from isoloop.link.decoder import ParameterReport

    if name == "param_dump":
        return sum(len(report.values) for report in came if isinstance(report, ParameterReport)) < len(dictionary.parameters)
    return name == "report_once" and not _answers(name, arguments, outcome, came, dictionary)


def answer_lines(report: object, dictionary: Dictionary) -> list[str]:
    """An answer that is no verification, in words."""
    from isoloop.link.decoder import AnswerReport, CapturesReport, ParameterReport, StructureReport

    if isinstance(report, ParameterReport):
        known = dictionary.parameters_by_number
        return [f"{known[number].name} = {value} {known[number].unit}".rstrip() for number, value in report.values if number in known]
    if isinstance(report, AnswerReport):
        values = " ".join(f"{name}={value}" for name, value in report.values)
        return [f"report {report.service},{report.subtype} {values}".rstrip()]
    if isinstance(report, StructureReport):
        pairs = zip(report.structure.fields, report.values, strict=True)
        return [f"{field.name} = {field_text(dictionary, field, value) or '?'} {field.unit}".rstrip() for field, value in pairs]
    if isinstance(report, CapturesReport):
        classes = dictionary.groups["leak_class"]
        rows = [(entry, classes.get(entry.trigger, str(entry.trigger)) if entry.trigger else "the ground") for entry in report.captures]
        return [f"capture {entry.number}: tick {entry.trigger_tick}, by {cause}" for entry, cause in rows] or ["no captures"]
    return []


def field_text(dictionary: Dictionary, field: Field, value: int) -> str:
    """A field's value: empty when unknown, a state by its name."""
    if value == field.unknown:
        return ""
    return dictionary.groups[field.enum].get(value, str(value)) if field.enum else str(value)


def _read_keys(name: str, arguments: dict[str, str], credentials: Credentials) -> None:
    """Put the key of a key file where an argument names one as @FILE: a key does not belong on a command line."""
    from isoloop.dictionary import load_dictionary
    from isoloop.link.keys import read_key

    for arg in load_dictionary().telecommands_by_name[name].args:
        text = arguments.get(arg.name, "")
        if not text.startswith("@"):
            continue
        if not arg.is_key:
            raise UsageError(f"{name}: {arg.name} is no key: @FILE means nothing here")
        found = read_key(Path(text[1:]))
        if found.board_id != credentials.board_id:
            raise UsageError(f"{text[1:]} is a key of board {found.board_id.hex()}, and board {credentials.board_id.hex()} is commanded")
        arguments[arg.name] = found.key.hex()


def _pair(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark or not name or not value:
        raise UsageError(f"'{text}' is no argument: KEY=VALUE is wanted")
    return name, value


def _check(name: str, arguments: dict[str, str]) -> None:
    """Refuse what is wrong before a port is opened."""
    from isoloop.dictionary import load_dictionary
    from isoloop.link.telecommand import KEY_BYTES, CommandError, resolve_arguments

    rows = load_dictionary().telecommands_by_name
    if name not in rows:
        raise UsageError(f"there is no telecommand '{name}'; there is {', '.join(rows)}")
    try:
        resolve_arguments(rows[name], {arg: "00" * KEY_BYTES if text.startswith("@") else text for arg, text in arguments.items()})
    except CommandError as refusal:
        raise UsageError(str(refusal)) from None
