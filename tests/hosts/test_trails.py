"""What a run did on its graph is read from its journal: what was given up took no way, and an error says which it took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import Doing, play
from trellis.hosts.local import Host, Run
from trellis.hosts.trails import follow
from trellis.render.charting import chart_of
from trellis.render.marking import with_trail
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

HEAD = """trellis: 1
name: g
start: a
fields: {x: {type: string, optional: true}}
"""
Acts = Callable[[Run, ManualClock], Awaitable[Any]]


def ways(text: str, acts: Acts | None = None) -> set[str]:
    """The ways that a run of this graph took."""
    return pictured(text, acts)[0]


def pictured(text: str, acts: Acts | None = None) -> tuple[set[str], dict[str, str]]:
    """The ways that a run of this graph took, once `acts` are done, and the marks of its nodes."""

    async def scene() -> tuple[set[str], dict[str, str]]:
        store, clock = MemoryStore(), ManualClock()
        async with Host(store, dispatcher=Doing().tools, clock=clock) as host:
            run = await host.start(graph(HEAD + text), id="r")
            if acts is None:
                await run.result()
            else:
                await acts(run, clock)
        followed = await follow(store, "r")
        chart = with_trail(chart_of(followed.graph.definition), followed.trail)
        taken = {arrow.key for arrow in chart.arrows if arrow.taken}
        return taken, {part.node: part.mark for part in chart.parts if part.node and part.mark}

    return play(scene())


async def idle(_run: Run, _clock: ManualClock) -> None:
    """Nothing more happens to the run."""


RACE = """nodes:
  a: {%s: {quick: {say: first}, slow: {wait: {time: 1h}}, asked: {ask: {text: x}}}, %s to: done}
  done: {end: ok}
"""


@pytest.mark.parametrize("head", [("race", ""), ("all", "join: any,")])
def test_those_that_the_first_of_a_race_makes_needless_did_not_arrive(head: tuple[str, str]) -> None:
    assert ways(RACE % head) == {
        *("|start to a", "a body a.quick", "a body a.slow", "a body a.asked"),
        *("a.quick to a|join", "a|join to done"),
    }


def test_the_one_that_waited_arrives_where_its_time_was_first() -> None:
    async def acts(run: Run, clock: ManualClock) -> None:
        clock.advance(3600.0)
        await run.result()

    text = "nodes: {a: {race: {slow: {wait: {time: 1h}}, asked: {ask: {text: x}}}, to: done}, done: {end: ok}}\n"
    assert ways(text, acts) == {
        *("|start to a", "a body a.slow", "a body a.asked", "a.slow to a|join", "a|join to done"),
    }


def test_two_of_three_arrive_though_they_do_so_at_different_times() -> None:
    async def acts(run: Run, clock: ManualClock) -> None:
        clock.advance(60.0)
        await run.answer("a.asked", "now")
        await run.result()

    text = """nodes:
  a: {all: {long: {wait: {time: 1h}}, short: {wait: {time: 1m}}, asked: {ask: {text: x}}}, join: {n: 2}, to: done}
  done: {end: ok}
"""
    assert {way for way in ways(text, acts) if "join" in way} == {
        *("a.short to a|join", "a.asked to a|join", "a|join to done"),
    }


def test_bodies_within_one_that_is_given_up_did_not_arrive_either() -> None:
    text = """nodes:
  a:
    race:
      long:
        start: both
        nodes: {both: {all: {one: {wait: {time: 1h}}, two: {wait: {time: 2h}}}, to: $end}}
      short: {say: first}
    to: done
  done: {end: ok}
"""
    assert {way for way in ways(text) if "join" in way} == {"a.short to a|join", "a|join to done"}


def test_an_error_tells_which_of_two_ways_to_one_node_was_taken() -> None:
    text = """nodes:
  a: {do: broken, catch: {timeout: b, "*": b}, to: b}
  b: {do: work, with: {n: 1}, catch: {"*": c}, to: c}
  c: {all: {bad: {do: broken}, good: {wait: {time: 1h}}}, catch: {"*": done}, to: done}
  done: {end: ok}
"""
    assert ways(text) == {
        *("|start to a", "a catch b *", "b to c", "c body c.bad", "c body c.good", "c|join catch done *"),
    }


def test_an_error_that_was_caught_within_a_body_does_not_keep_that_from_arriving() -> None:
    text = """nodes:
  a:
    race:
      one: {start: p, nodes: {p: {do: broken, catch: {"*": q}, to: $end}, q: {say: on, to: $end}}}
      two: {wait: {time: 1h}}
    catch: {"*": done}
    to: done
  done: {end: ok}
"""
    assert ways(text) == {
        *("|start to a", "a body a.one.p", "a body a.two", "a.one.p catch a.one.q *"),
        *("a.one.q to a|join", "a|join to done"),
    }


def test_an_error_that_a_join_collects_is_no_reason_to_leave_by_a_catch() -> None:
    text = """nodes:
  a: {each: {in: "[1, 2]", do: broken}, join: collect, catch: {"*": done}, to: done}
  done: {end: ok}
"""
    assert {way for way in ways(text) if way.startswith("a|join")} == {"a|join to done"}


def test_an_alarm_tells_it_too() -> None:
    async def acts(run: Run, clock: ManualClock) -> None:
        clock.advance(3600.0)
        await run.result()

    text = 'nodes: {a: {ask: {text: x}, timeout: 1h, catch: {timeout: b, "*": b}, to: b}, b: {end: ok}}\n'
    assert ways(text, acts) == {"|start to a", "a catch b timeout"}


def test_an_error_takes_the_route_of_the_graph_where_the_node_has_none() -> None:
    text = """catch: {timeout: done, "*": done}
nodes:
  a: {say: on, to: b}
  b: {do: broken, to: done}
  done: {end: failed}
"""
    assert ways(text) == {"|start to a", "a to b", "|any catch done *"}


def test_a_signal_takes_the_route_of_the_graph_where_the_node_has_none() -> None:
    async def acts(run: Run, _clock: ManualClock) -> None:
        await run.signal("stop")
        await run.result()

    text = """signals: {stop: {}, other: {}}
upon: {stop: done, other: done}
nodes:
  a: {ask: {text: x}, upon: {other: done}, to: done}
  done: {end: ok}
"""
    assert ways(text, acts) == {"|start to a", "|any upon done stop"}


def test_of_two_conditions_that_lead_to_one_node_both_are_marked() -> None:
    text = """nodes:
  a: {say: on, to: [{if: x == "no", to: b}, {if: x != "no", to: b}, {to: c}]}
  b: {end: ok}
  c: {end: failed}
"""
    taken = ways(text)
    assert len(taken) == 3, taken
    assert {way for way in taken if " c" in way} == set()


def test_a_run_that_fails_into_a_rollback_shows_the_way_to_that() -> None:
    text = """nodes:
  a: {say: on, to: b}
  b: {do: broken, catch: {"*": $rollback}, to: [{if: x == "no", to: $rollback}, {to: done}]}
  done: {end: ok}
"""
    assert pictured(text) == (
        {"|start to a", "a to b", "b catch $rollback of b *"},
        {"a": "visited", "b": "failed"},
    )


def test_a_run_that_was_cancelled_took_no_way_out() -> None:
    text = """catch: {"*": $rollback}
nodes:
  a: {ask: {text: x}, catch: {timeout: $rollback}, timeout: 1h, to: $end}
"""

    async def acts(run: Run, _clock: ManualClock) -> None:
        await run.cancel()
        await run.result()

    assert pictured(text, idle) == ({"|start to a"}, {"a": "current"})
    assert ways(text, acts) == {"|start to a"}


def test_a_run_that_moved_to_another_version_is_shown_under_its_names() -> None:
    text = """nodes:
  a: {say: hello, to: b}
  b: {ask: {text: x}, to: done}
  done: {end: ok}
"""
    later = text.replace("to: b}", "to: question}").replace("  b:", "  question:") + "migrate: {nodes: {b: question}}\n"

    async def acts(run: Run, _clock: ManualClock) -> None:
        await run.adopt(graph(HEAD + later))

    assert pictured(text, acts) == ({"|start to a", "a to question"}, {"a": "visited", "question": "current"})
