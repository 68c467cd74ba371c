"""Replay a log: the firmware on one side, the recorded samples on the other, tick by tick, with nobody listening to the drives."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from isoloop.dictionary import load_dictionary
from isoloop.flight.box_fetch import BoxFetch
from isoloop.flight.firmware_record import FirmwareRecord
from isoloop.flight.recorder import Recorder
from isoloop.flight.records import build_nor
from isoloop.flight.schedule import RESET_CAUSES
from isoloop.flight.summary import RunHead, build_summary, write_summary
from isoloop.link.decoder import EventReport
from isoloop.link.telecommand import Credentials, build_packet, frame
from isoloop.replay.board import board_params
from isoloop.replay.counts import SampleStream, sample_stream
from isoloop.replay.log import RecordedLog
from isoloop.schema.map import ReplayMap
from isoloop.targets import Target, open_target

WATCHDOG_MS = 8000
"""Longest that the reference board's watchdog waits to be fed."""

IN_SERVICE = sum(1 << 2 * valve for valve in range(6)) | 1 << 13
"""Switch word of a loop in service: radiator valves open, bypass shut. Replay moves nothing, so it stands."""

OnEvent = Callable[[float, str, str, Mapping[str, int | None]], None]
OnProgress = Callable[[int], None]


def replay(
    log: RecordedLog,
    replay_map: ReplayMap,
    target: str | Target,
    out_dir: Path,
    *,
    on_event: OnEvent | None = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Any]:
    """Feed `log` through the firmware, passive, and write everything but the report into `out_dir`.

    Args:
        log: as load_log() read it with this map.
        replay_map: which board it is.
        target: name of a target, or an open one, which is closed afterwards.
        out_dir: the run folder; made when it is not there.
        on_event: told time in s, name, severity and fields of every event of the firmware.
        on_progress: told the ticks done, about once a minute of the log.

    Returns:
        The summary, as written to summary.json: `truth` is null, and every would-be isolation and every alarm counts.

    Raises:
        UsageError: no such target.
        OutputError: the folder cannot be written, or the disk is full.
        TargetError: the firmware died, hung or broke the protocol. What was recorded is kept, with a summary that is not ok.
        KeyboardInterrupt: the same.
    """
    stream = sample_stream(log, replay_map)
    pins = open_target(target) if isinstance(target, str) else target
    try:
        with Recorder(out_dir) as recorder:
            session = _Session(stream, board_params(log, stream, replay_map), pins, recorder, on_event)
            started_s = time.perf_counter()
            is_complete = False
            try:
                session.run(on_progress)
                is_complete = True
            finally:
                wall_s = time.perf_counter() - started_s
                name = Path(log.label).stem
                head = RunHead(name, pins.name, 0, session.tick, replay_map.tick_ms, wall_s, pins.identity())
                summary = build_summary(head, session.said, None, {}, is_complete)
                write_summary(out_dir, summary)
    finally:
        pins.close()
    return summary


class _Session:
    """One replay in progress. tick: control cycles so far; said: what the firmware reported."""

    def __init__(self, stream: SampleStream, params: dict[str, int], target: Target, recorder: Recorder, on_event: OnEvent | None) -> None:
        self.tick = 0
        self.said = FirmwareRecord()
        self._stream = stream
        self._target = target
        self._recorder = recorder
        self._on_event = on_event
        self._tick_ms = params["tick_ms"]
        self._nor = build_nor(params, [(row.kind, row.lo, row.hi) for row in stream.calibration])
        self._unfed_ticks = 0
        self._watchdog_ticks = WATCHDOG_MS // self._tick_ms
        baud = params.get("link_baud", next(row.default for row in load_dictionary().parameters if row.name == "link_baud"))
        self._budget_bytes = max(1, baud * self._tick_ms // 10_000)
        self._uplink = b""
        self._requests = 0
        self._boxes = BoxFetch(self._request, recorder.capture, baud)

    def run(self, on_progress: OnProgress | None) -> None:
        """To the last row of the log."""
        stream = self._stream
        self._target.start(self._nor, RESET_CAUSES["power_on"])
        counts = np.zeros(stream.counts.shape[1], dtype=np.uint16)
        ticks_a_minute = 60_000 // self._tick_ms
        row_ticks = stream.tick.tolist()
        row_fresh = stream.fresh.tolist()
        row = 0
        rows = len(row_ticks)
        while self.tick < stream.ticks:
            fresh = 0
            # More than one row only after an erase has stopped the processor: the converter's channels keep what came last.
            while row < rows and row_ticks[row] <= self.tick:
                counts = stream.counts[row]
                fresh |= row_fresh[row]
                row += 1
            self._exchange(counts, fresh)
            if on_progress is not None and self.tick % ticks_a_minute == 0:
                on_progress(self.tick)

    def _exchange(self, counts: Any, fresh: int) -> None:
        """One tick."""
        target = self._target
        uplink, self._uplink = self._uplink[: self._budget_bytes], self._uplink[self._budget_bytes :]
        _, fed, downlink = target.tick(counts, fresh, IN_SERVICE, self.tick, uplink)
        if downlink:
            self._downlink(downlink)
        self.tick += 1
        if self.tick * self._tick_ms % 1000 == 0:
            self._boxes.second(self.tick * self._tick_ms)
        if target.stall_ms:
            self.tick += -(-target.stall_ms // self._tick_ms)
            target.stall_ms = 0
        if fed:
            self._unfed_ticks = 0
            return
        self._unfed_ticks += 1
        if self._unfed_ticks >= self._watchdog_ticks:
            self._unfed_ticks = 0
            self._recorder.decoder.restart()
            self.said.restart()
            target.start(self._nor, RESET_CAUSES["watchdog"])

    def _downlink(self, data: bytes) -> None:
        for report in self._recorder.downlink(data):
            self.said.take(report)
            self._boxes.take(report, self.tick * self._tick_ms)
            if self._on_event is not None and isinstance(report, EventReport):
                fields = {field.name: value for field, value in zip(report.event.fields, report.values, strict=True)}
                self._on_event(report.time_ms / 1000, report.event.name, report.event.severity, fields)

    def _request(self, name: str, values: tuple[int, ...]) -> None:
        """The ground's only telecommands: for what the black box has kept."""
        self._requests += 1
        row = load_dictionary().telecommands_by_name[name]
        self._uplink += frame(build_packet(row, values, self._requests & 0x3FFF, self._requests, Credentials(), acks=0))
