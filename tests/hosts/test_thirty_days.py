"""A flow of thirty days, with timers, reminders, approvals and attempts that beat, runs in milliseconds on a clock turned by hand."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from tests.hosts.authored import graph
from tests.hosts.scenes import play
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError
from trellis.hosts.local import Host
from trellis.hosts.run import Run
from trellis.model.codec import decode_event
from trellis.model.events import AnswerGiven, TimerFired
from trellis.stores.memory import MemoryStore
from trellis.testing.clocks import ManualClock

DAY = 86_400.0
FLOW = graph("""
trellis: 1
name: thirty
start: draft
limits: {time: 60d}
fields:
  text: {type: string, optional: true}
  verdict: {type: approval, optional: true}
  final: {type: approval, optional: true}
  round: {type: integer, default: 0}
nodes:
  draft:
    do: write
    with: {round: "{{ round }}"}
    save: text
    undo: {do: shred}
    heartbeat: 1d
    retry: {max_attempts: 3, initial_interval: 12h}
    set: {fields: {round: round + 1}}
    to: cool
  cool: {wait: {time: 2d}, to: review}
  review:
    ask: {approve: verdict, by: [ana]}
    remind: {every: 1d, do: mail, with: {to: ana}, max: 5}
    escalate: [{after: 3d, by: [ben], do: mail, with: {to: ben}}, {after: 6d, by: [cyn], do: mail, with: {to: cyn}}]
    timeout: 10d
    to: [{if: verdict.choice == "back", to: draft, undo: true}, {if: verdict.ok, to: publish}, {to: $rollback}]
  publish:
    ask: {approve: final, by: [dot], quorum: 1}
    remind: {every: 7d, do: mail, with: {to: dot}}
    timeout: 14d
    to: [{if: final.ok, to: $end}, {to: $rollback}]
""")


def days(clock: ManualClock) -> float:
    return (clock.now() - 1_000_000.0) / DAY


async def quiet(clock: ManualClock, run: Run, until: float) -> None:
    """Let the days pass until then, and all that is due in them happen."""
    while True:
        for _ in range(30):
            await asyncio.sleep(0)
        due = clock.next_due
        if due is None or (due - 1_000_000.0) / DAY > until:
            clock.advance(max((until - days(clock)) * DAY, 0.0))
            return
        clock.advance(max(due - clock.now(), 0.0))


def test_thirty_days_of_timers_reminders_and_approvals_pass_in_milliseconds() -> None:
    told: list[tuple[float, str]] = []

    async def scene() -> tuple[Any, ...]:
        clock, tools, store = ManualClock(), Dispatcher(), MemoryStore()
        written: list[int] = []

        async def write(round: int, request: Any) -> str:
            written.append(round)
            if len(written) == 1:
                await asyncio.Event().wait()  # it never beats
            return f"draft {round}"

        async def mail(to: str) -> None:
            told.append((round(days(clock), 3), to))
            if to == "ben":
                raise ActionError("offline", "no network")

        tools.register("write", write)
        tools.register("mail", mail)

        async def shred() -> None:
            """On the loop, for the days do not wait for a thread."""

        tools.register("shred", shred)
        async with Host(store, dispatcher=tools, clock=clock) as host:
            run = await host.start(FLOW, id="r")
            await quiet(clock, run, 7.6)  # silent for a day, half a day later again, two days to cool: asked on day 3.5
            refused = await run.answer("review", "approve", by="cyn")
            assert await run.answer("review", "back: too long", by="ben")
            await quiet(clock, run, 17)  # asked again on day 9.6
            assert await run.answer("review", "approve: good now", by="cyn")
            await quiet(clock, run, 30)
            assert await run.answer("publish", "yes", by="dot")
            outcome = await run.result()
            events = [decode_event(event) for event in await store.read("r")]
            by = [(event.by, event.value) for event in events if isinstance(event, AnswerGiven)]
            fired = sum(isinstance(event, TimerFired) for event in events)
            return refused, written, outcome.status, outcome.fields["text"], by, fired, clock.next_due

    begun = time.process_time()
    ended = play(scene())
    assert time.process_time() - begun < 1.0
    assert sorted(told) == [
        (4.5, "ana"), (5.5, "ana"), (6.5, "ana"), (6.5, "ben"), (7.5, "ana"),
        (10.6, "ana"), (11.6, "ana"), (12.6, "ana"), (12.6, "ben"), (13.6, "ana"), (14.6, "ana"), (15.6, "cyn"),
        (24.0, "dot"),
    ]  # fmt: skip
    assert ended == (
        False, [0, 0, 1], "completed", "draft 1",
        [("ben", "back: too long"), ("cyn", "approve: good now"), ("dot", "yes")], 16, None,
    )  # fmt: skip
