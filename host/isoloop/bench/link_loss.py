"""The link lost and found: a real downlink under full load over a connection that is cut in the middle of frames, again and again."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from isoloop.link import cobs
from isoloop.link.packet import SEQUENCE_MODULO, TelemetryPacket
from isoloop.link.session import GroundLink

RESTART_EVERY = 50
"""Losses after which the host itself is killed and started anew."""

_TIMEOUT_S = 10.0
_HOSTS = 8


@dataclass
class LossFigures:
    """What came of it.

    Attributes:
        losses, restarts: how often the connection broke, and how often the host began anew.
        sent: frames in the stream; received: those of them that came whole.
        missed: frames that came whole and were not reported, so that the link took longer than one frame to be back.
        twice, wrong: frames reported once more than they came, or as another.
        gaps_counted, gaps_true: frames lost between two that were received, as the link counted them, and as it was.
    """

    losses: int = 0
    restarts: int = 0
    sent: int = 0
    received: int = 0
    missed: int = 0
    twice: int = 0
    wrong: int = 0
    gaps_counted: int = 0
    gaps_true: int = 0


class _Cutter(threading.Thread):
    """Serves pieces of a stream, a connection each, and drops what lies between two of them.

    It begins each when `is_open` is set: opening a port throws away what came before.
    """

    def __init__(self, pieces: list[bytes]) -> None:
        super().__init__(daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pieces = pieces
        self.is_open = threading.Event()
        self.url = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"

    def run(self) -> None:
        with contextlib.suppress(OSError):  # of a listener that is closed under it
            for piece in self._pieces:
                client, _ = self._listener.accept()
                self.is_open.wait(_TIMEOUT_S)
                self.is_open.clear()
                with contextlib.suppress(OSError), client:
                    client.sendall(piece)
                    client.shutdown(socket.SHUT_WR)
                    client.recv(1)  # until the other end has seen it

    def stop(self) -> None:
        """Take no further connection."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def cut(stream: bytes, losses: int, seed: int) -> list[bytes]:
    """The stream without `losses` spans at seeded places, most of them in the middle of frames."""
    dice = random.Random(seed)
    stride = len(stream) // (losses + 1)
    pieces, at = [], 0
    for number in range(1, losses + 1):
        place = number * stride + dice.randrange(stride // 3)
        pieces.append(stream[at:place])
        at = place + dice.randrange(1, stride // 2)
    pieces.append(stream[at:])
    return pieces


def whole_frames(piece: bytes, is_first: bool) -> list[TelemetryPacket]:
    """Packets whose every byte is in this piece; what stands before its first delimiter may be a rest, and counts when it is none."""
    blocks = piece.split(b"\0")[:-1]
    found = []
    for number, block in enumerate(blocks):
        with contextlib.suppress(cobs.CobsError, ValueError):
            if block:
                found.append(TelemetryPacket.unpack(cobs.decode(block)))
                continue
        assert not block or (number == 0 and not is_first), "the stream itself is damaged"
    return found


def measure(stream: bytes, losses: int, seed: int = 5) -> LossFigures:
    """Receive `stream` over a connection that breaks `losses` times; several hosts at a time, each its own part.

    Raises:
        TargetError: the link did not come back.
    """
    pieces = cut(stream, losses, seed)
    figures = LossFigures(losses=len(pieces) - 1, sent=len(whole_frames(stream, True)))
    groups = [(pieces[at : at + RESTART_EVERY], at == 0) for at in range(0, len(pieces), RESTART_EVERY)]
    with ThreadPoolExecutor(_HOSTS) as pool:  # pyserial rests for 0.3 s whenever it closes a socket
        for part in pool.map(_receive, groups):
            figures.restarts += 1
            figures.received += part.received
            figures.missed += part.missed
            figures.twice += part.twice
            figures.wrong += part.wrong
            figures.gaps_counted += part.gaps_counted
            figures.gaps_true += part.gaps_true
    return figures


def _receive(group: tuple[list[bytes], bool]) -> LossFigures:
    """One host's part: the link breaks after each of these pieces."""
    pieces, is_first = group
    wanted = [packet for number, piece in enumerate(pieces) for packet in whole_frames(piece, is_first and number == 0)]
    server = _Cutter(pieces)
    server.start()
    times: list[int] = []
    with GroundLink(server.url, timeout_s=_TIMEOUT_S) as link:
        link.on_reconnect = server.is_open.set
        server.is_open.set()
        while len(times) < len(wanted):
            reports = link.poll(_TIMEOUT_S)
            times += [report.time_ms for report in reports]
            if not reports:
                break
        counted = link.statistics.lost_packets
    server.stop()
    return LossFigures(
        received=len(times),
        missed=max(0, len(wanted) - len(times)),
        twice=max(0, len(times) - len(wanted)),
        wrong=sum(time_ms != packet.time_ms for time_ms, packet in zip(times, wanted, strict=False)),
        gaps_counted=counted,
        gaps_true=(wanted[-1].sequence - wanted[0].sequence) % SEQUENCE_MODULO + 1 - len(wanted) if wanted else 0,
    )
