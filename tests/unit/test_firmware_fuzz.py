"""Hostile bytes into the firmware's receiver where it flies: no exception, no allocation beside the tag check, nothing accepted."""

from __future__ import annotations

import random

import pytest

from isoloop import images
from isoloop.bench.link import fuzz, hostile_frames
from isoloop.dictionary import load_dictionary
from isoloop.link.telecommand import Credentials, build_packet, frame
from isoloop.targets.interpreter import find_interpreter


def interpreters() -> list[tuple[str, ...]]:
    small = images.find("unix32")
    return [find_interpreter().command, *([(str(small),)] if small is not None else [])]


def assert_harmless(data: bytes, command: tuple[str, ...]) -> tuple[int, int]:
    done = fuzz(data, command)
    assert (done.accepted, done.faults) == (0, 0)
    return done.packets, done.parsed


@pytest.mark.req("REQ-LNK-006")
def test_hostile_frames_are_harmless() -> None:
    for command in interpreters():
        packets, parsed = assert_harmless(hostile_frames(10_000, 1), command)
        # Two kinds of five reach the tag check whole, so that it is what refuses them.
        assert packets > 3500
        assert parsed > 2000


def test_random_bytes_are_harmless() -> None:
    for command in interpreters():
        assert_harmless(random.Random(2).randbytes(500_000), command)


def test_good_telecommands_among_hostile_frames_are_accepted() -> None:
    dice = random.Random(3)
    ping = load_dictionary().telecommands_by_name["ping"]
    data = b""
    for number in range(1, 101):
        data += dice.randbytes(dice.randrange(300)) + frame(build_packet(ping, (), number, number, Credentials()))
    for command in interpreters():
        assert fuzz(data, command)[2:4] == (100, 0)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", range(20))
def test_two_million_hostile_frames_and_a_hundred_megabytes_are_harmless(part: int) -> None:
    command = find_interpreter().command
    assert_harmless(hostile_frames(100_000, 100 + part), command)
    assert_harmless(random.Random(200 + part).randbytes(5_000_000), command)
