"""Declared states as a host tells of them: lines, outcomes, runs that wait for states, and runs taken up again."""

from __future__ import annotations

from typing import Any

import pytest

import trellis
from tests.hosts.authored import graph, kinds
from tests.hosts.scenes import Doing, lines_of, play, until, until_called
from trellis.errors import SignalNeeded
from trellis.hosts.local import Host
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

WAITING = graph("""
trellis: 1
name: waiting
start: a
states:
  Ready: {}
  Up: {}
  Warm: {auto: true, require: [Up]}
  Asked: {auto: true, require: [b]}
upon: {interrupt: c}
nodes:
  a: {set: {add: [Up]}, to: b}
  b: {wait: {states: [Warm, Ready]}, to: $end}
  c: {set: {add: [Ready], remove: [Up]}, to: d}
  d: {end: cancelled}
""")
WORKING = graph("""
trellis: 1
name: working
start: a
states: {Up: {entered: {do: use, with: {env: up}}, exited: {do: use, with: {env: down}}}}
nodes:
  a: {set: {add: [Up]}, to: b}
  b: {do: stuck, timeout: 5s, catch: {timeout: c}, to: $end}
  c: {set: {remove: [Up]}, to: d}
  d: {do: use, with: {env: last}, to: e}
  e: {wait: {states: [Up]}, to: $end}
""")


def states_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines about states, without what every line has."""
    told = [line for line in lines if line["type"] == "states.changed"]
    return [{key: line[key] for key in ("node", "added", "removed", "states") if key in line} for line in told]


def test_each_change_of_states_is_a_line_and_the_last_line_has_those_that_stay() -> None:
    async def scene() -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        async with Host(clock=ManualClock(0.0)) as host:
            run = await host.start(WAITING, id="r")
            await run.signal("interrupt")
            return await lines_of(run), (await run.result()).states

    lines, states = play(scene())
    assert states_of(lines) == [
        {"node": "a", "added": ["Up"], "removed": [], "states": ["Up"]},
        {"added": ["Warm", "Asked"], "removed": [], "states": ["Up", "Warm", "Asked"]},
        {"node": "b", "added": [], "removed": ["Asked"], "states": ["Up", "Warm"]},
        {"node": "c", "added": ["Ready"], "removed": ["Up", "Warm"], "states": ["Ready"]},
    ]
    assert kinds(lines)[:6] == [
        "run.started", "node.entered a", "states.changed a", "states.changed", "node.left a", "node.entered b",
    ]  # fmt: skip
    assert lines[-1]["states"] == ["Ready"]
    assert states == ("Ready",)


def test_a_run_that_only_waits_for_states_is_stuck_and_says_for_what() -> None:
    async def scene() -> tuple[bool, bool, dict[str, list[str]], bool]:
        async with Host(clock=ManualClock(0.0)) as host:
            run = await host.start(WAITING, id="r")
            return run.state.waiting, run.stuck, run.waits, run.closed

    assert play(scene()) == (True, True, {"b": ["Ready"]}, False)


def test_the_short_form_tells_that_only_a_signal_helps() -> None:
    with pytest.raises(SignalNeeded) as raised:
        trellis.run(WAITING, id="r")
    assert str(raised.value) == "run 'r' waits at 'b' for Ready: only a signal can move it on"


def test_a_run_that_waits_for_states_is_taken_up_by_another_host_as_it_was() -> None:
    store = MemoryStore()

    async def begin() -> Any:
        async with Host(store) as host:
            return (await host.start(WAITING, id="r")).state

    async def go_on() -> tuple[Any, str, tuple[str, ...]]:
        async with Host(store) as host:
            run = await host.resume("r")
            found = run.state
            await run.signal("interrupt")
            outcome = await run.result()
            return found, outcome.status, outcome.states

    before = play(begin())
    found, status, states = play(go_on())
    assert (
        (found.active, found.clock)
        == (before.active, before.clock)
        == (
            ("Up", "Warm", "b", "Asked"),
            {"Up": 1, "b": 1, "Warm": 1, "Asked": 1},
        )
    )
    assert (status, states) == ("cancelled", ("Ready",))


def test_what_states_do_is_done_and_cancelled_like_any_other_work() -> None:
    async def scene() -> tuple[list[tuple[str, Any]], list[str], dict[str, list[str]]]:
        clock, doing = ManualClock(0.0), Doing()
        async with Host(dispatcher=doing.tools, clock=clock) as host:
            run = await host.start(WORKING, id="r")
            await until_called(doing, 2)
            clock.advance(5.0)
            await until_called(doing, 4)
            await until(lambda: run.state.waiting and bool(doing.ended))
            return [(node, args.get("env")) for node, _, args in doing.calls], doing.ended, run.waits

    assert play(scene()) == (
        [("Up.entered", "up"), ("b", None), ("Up.exited", "down"), ("d", "last")],
        ["b"],
        {"e": ["Up"]},
    )
