"""Waits outlive their host: the index knows when each is over, and a host that serves takes the run up then."""

from __future__ import annotations

from typing import Any

import pytest

from tests.hosts.authored import graph
from tests.hosts.scenes import play
from trellis.errors import SignalNeeded
from trellis.hosts.local import Host
from trellis.hosts.short import run as short_run
from trellis.model.graph import Graph
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

DAY = 86_400.0
START = 1_000_000.0


def waiting(form: str, more: str = "") -> Graph:
    return graph(f"""
        {{trellis: 1, name: w, start: a, signals: {{go: {{}}}}, fields: {{n: {{type: integer, default: 0}}, due: {{type: time, optional: true}}}},
         nodes: {{a: {{wait: {form}, {more} to: b}}, b: {{end: {{status: ok, result: n}}}}}}}}
    """)


@pytest.mark.parametrize(
    ("form", "more", "wake"),
    [
        ("{time: 30d}", "", START + 30 * DAY),
        ("{until: '1970-02-01T00:00:00Z'}", "", 31 * DAY),
        ("{time: 30d}", "timeout: 1d,", START + DAY),
        ("{signal: go}", "", None),
        ("{signal: go}", "deadline: 5d,", START + 5 * DAY),
        ("{if: n > 0}", "", None),
        ("{if: n > 0}", "timeout: 5m,", START + 300),
    ],
)  # fmt: skip
def test_the_index_says_when_a_run_that_waits_is_to_be_woken(form: str, more: str, wake: float | None) -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store, clock=ManualClock(START)) as host:
            await host.start(waiting(form, more), id="r")
            row = await store.row("r")
            assert row is not None
            return row.status, row.wake, row.position

    assert play(scene()) == ("running", wake, ("a",))


@pytest.mark.parametrize("form", ["{time: 30d}", "{until: '1970-02-11T13:46:40Z'}"])
def test_a_wait_of_thirty_days_ends_in_another_host_and_not_before(form: str) -> None:
    async def scene() -> Any:
        store, clock = MemoryStore(), ManualClock(START)
        async with Host(store, clock=clock) as host:
            await host.start(waiting(form), id="r")
        clock.advance(29 * DAY)
        async with Host(store, clock=clock) as host:
            run = await host.resume("r")
            assert run.state.position == {"a": 1}
        clock.advance(DAY)
        async with Host(store, clock=clock) as host:
            return (await (await host.resume("r")).result()).status, clock.now()

    assert play(scene()) == ("completed", START + 30 * DAY)


def test_a_signal_that_is_waited_for_moves_a_run_on_that_nobody_drives() -> None:
    async def scene() -> Any:
        store = MemoryStore()
        async with Host(store) as host:
            await host.start(waiting("{signal: go}"), id="r")
        async with Host(store) as host:
            run = await host.resume("r")
            assert (run.takes("go"), run.stuck, run.hopeless, run.waits) == (True, True, False, {"a": ["signal go"]})
            await run.signal("go")
            return (await run.result()).status

    assert play(scene()) == "completed"


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("{signal: go}", "at 'a' for signal go: only a signal can move it on"),
        ("{if: n > 0}", "at 'a' for `n > 0`: nothing in the graph can bring that now"),
    ],
)
def test_who_waits_for_what_no_time_brings_is_told(form: str, said: str) -> None:
    with pytest.raises(SignalNeeded) as needed:
        short_run(waiting(form), id="r")
    assert str(needed.value) == f"run 'r' waits {said}"
