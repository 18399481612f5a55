"""The log: exact lines, by level, to any sink."""

from __future__ import annotations

import logging

import pytest

from trellis.machine import Machine
from trellis.machine.log import Level, Log
from trellis.machine.transition import Transition

SCHEMA = {
    "A": {"add": ["B"]},
    "B": {},
    "C": {"require": ["D"]},
    "D": {"remove": ["A", "E"]},
    "E": {},
    "F": {"add": ["E"]},
    "X": {"auto": True, "require": ["B"]},
    "Y": {"auto": True, "require": ["C"]},
}


def logged(level: int, **options: object) -> list[str]:
    """What one short life of a machine gives at a level."""
    lines: list[str] = []
    log = Log(lines.append, level, **options)  # type: ignore[arg-type]
    machine = Machine(SCHEMA, list(SCHEMA), id="m")
    machine.trace(log)
    log.say(machine, "hello\nworld")

    def refuse(event: Transition, **args: object) -> bool:
        return "force" in event.args

    machine.bind({"DEnter": refuse, "AState": lambda event, **_args: event.add("C")}, id="b")
    machine.add("A", user="Ana", token="hidden")
    machine.add("D")
    machine.add("D", force=1)
    machine.prepend_add("F")
    machine.set()
    return lines


CHANGES = ["[state] +A +B", "[auto_] +X", "[state] +D -A", "[state] +F", "[state] -F -D -B -X"]


@pytest.mark.covers("AM13")
def test_each_level_tells_more() -> None:
    everything = [
        "[exter] hello world",
        "[queue:add] A",
        "[add] A",
        "[implied] B",
        "[state] +A +B",
        "[handle:b] AState",
        "[queue:add] C",
        "[auto] X Y",
        "[add:auto] X Y",
        "[reject:auto] Y(-C)",
        "[auto_] +X A B",
        "[add] C",
        "[source] m/m/1/0",
        "[reject] C(-D)",
        "[cancel:reject] C",
        "[queue:add] D",
        "[add] D",
        "[rel:remove] A by D",
        "[handle:b] DEnter",
        "[cancel] (D B X) by DEnter",
        "[queue:add] D",
        "[add] D",
        "[rel:remove] A by D",
        "[handle:b] DEnter",
        "[state] +D -A B X",
        "[auto] Y",
        "[add:auto] Y",
        "[reject:auto] Y(-C)",
        "[cancel:reject] Y",
        "[prepend:add] F",
        "[add] F",
        "[rel:remove] E by D",
        "[state] +F D B X",
        "[auto] Y",
        "[add:auto] Y",
        "[reject:auto] Y(-C)",
        "[cancel:reject] Y",
        "[queue:set]",
        "[set]",
        "[state] -F -D -B -X",
        "[auto] X Y",
        "[add:auto] X Y",
        "[reject:auto] X(-B) Y(-C)",
        "[cancel:reject] X Y",
    ]
    assert logged(5) == everything

    def without(lines: list[str], *starts: str) -> list[str]:
        return [line for line in lines if not line.startswith(starts)]

    short = {"[auto_] +X A B": "[auto_] +X", "[state] +D -A B X": "[state] +D -A", "[state] +F D B X": "[state] +F"}
    decisions = [short.get(line, line) for line in without(everything, "[handle")]
    assert logged(4) == decisions
    assert logged(3) == without(decisions, "[add:auto]", "[reject:auto]", "[rel:remove] E")
    assert logged(2) == ["[exter] hello world", *CHANGES]
    assert logged(1) == ["[exter] hello world"]
    assert logged(0) == []


def test_only_named_arguments_are_told() -> None:
    lines = logged(3, args=["user", "force"])
    assert [line for line in lines if "(" in line and "=" in line] == [
        "[queue:add] A (user=Ana)",
        "[add] A (user=Ana)",
        "[state] +A +B (user=Ana)",
        "[queue:add] D (force=1)",
        "[add] D (force=1)",
        "[state] +D -A (force=1)",
    ]
    assert "hidden" not in "".join(logged(5, args=["user"]))


def test_a_handler_that_raises_is_told() -> None:
    lines: list[str] = []
    machine = Machine({"A": {}, "B": {}}, ["A", "B"], id="m")
    machine.trace(Log(lines.append, 3, with_id=True))
    machine.bind({"BEnter": lambda _event: 1 / 0})
    machine.add("A", "B")
    assert lines == [
        "[m] [queue:add] A B",
        "[m] [add] A B",
        "[m] [prepend:add] Exception",
        "[m] [error] BEnter: ZeroDivisionError('division by zero')",
        "[m] [cancel] (A B) by BEnter",
        "[m] [add] Exception",
        "[m] [source] m/m/1/0",
        "[m] [state] +Exception",
    ]


def test_a_logger_gets_levels_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    machine = Machine({"A": {}}, id="m")
    machine.trace(Log(logging.getLogger("states"), Level.OPERATIONS))
    with caplog.at_level(logging.DEBUG, "states"):
        machine.add("A")
    assert caplog.record_tuples == [
        ("states", logging.DEBUG, "[queue:add] A"),
        ("states", logging.DEBUG, "[add] A"),
        ("states", logging.INFO, "[state] +A"),
    ]


def test_a_check_does_not_read_as_a_mutation() -> None:
    lines: list[str] = []
    machine = Machine({"A": {}, "B": {"require": ["A"]}})
    machine.trace(Log(lines.append, Level.OPERATIONS))
    machine.can_add("A")
    machine.can_remove("A")
    machine.can_add("B")
    assert lines == [
        "[prepend:check:add] A",
        "[check:add] A",
        "[prepend:check:remove] A",
        "[check:remove] A",
        "[prepend:check:add] B",
        "[check:add] B",
        "[reject] B(-A)",
        "[cancel:reject] B",
    ]
