"""A run that was found open goes on: its overdue timers fire, and all that it waits for is asked for again.

A child run does so only while the run above waits for it. Who had lost that run may have begun the child too late, when it
was known already that there was none.
"""

from __future__ import annotations

from contextlib import suppress

from trellis.errors import RunClosed, RunOwned
from trellis.hosts.driver import Driver
from trellis.hosts.journal import Definitions, load
from trellis.hosts.live import LiveRun
from trellis.hosts.sending import ENDS
from trellis.model.actions import StartChild
from trellis.model.events import CancelRequested


async def must_drive(driver: Driver, run: str) -> None:
    """See that this host has not lost the run without knowing it. Raises RunOwned where it has, StoreError.

    What it wrote before it asks is there for whoever takes the run from it later.
    """
    live = driver.runs.get(run)
    if live is None:
        raise RunOwned(run, "nobody")
    try:
        if await driver.store.claim(run) == live.epoch:
            return
        error = RunOwned(run, "nobody")
    except RunOwned as owned:
        error = owned
    live.end(error)
    raise error


async def is_wanted(driver: Driver, graphs: Definitions, child: str, above: str) -> bool:
    """Whether the run above waits for this child; so too where the store has no such run. Raises RunOwned, StoreError."""
    if above in driver.runs:
        await must_drive(driver, above)
    live = driver.runs.get(above)
    if live is None:
        row = await driver.store.row(above)
        if row is None:
            return True
        state = (await load(graphs, driver.store, row)).state
    else:
        state = live.state
    wanted = [pending.request for pending in state.open.values()]
    return any(isinstance(request, StartChild) and request.child == child for request in wanted)


async def end_unwanted(driver: Driver, live: LiveRun, now: float) -> None:
    """End a child run for which nobody waits, before anything of it is done."""
    with suppress(RunClosed):
        await driver.ask(live, CancelRequested(now, ENDS))


async def take_up_whole(driver: Driver, live: LiveRun, now: float) -> None:
    """Let timers fire that are overdue, then ask again for all that is still open.

    What may be sent twice is sent; of the rest the outcome is uncertain. Overdue timers first: an attempt that
    has run out of time is not begun once more only to be stopped.
    """
    found = list(live.state.open)
    for name, timer in sorted(live.state.timers.items(), key=lambda item: item[1].due):
        if timer.due <= now and not live.closed.done():
            try:
                await driver.ask(live, driver.fired(name))
            except RunClosed:
                return  # what came before in the same turn has ended it
    if live.closed.done():
        if live.failure is not None:
            raise live.failure
        return
    for name, timer in live.state.timers.items():
        if name not in live.alarms:
            driver.alarm(live, name, timer.due)
    for name in found:
        driver.recover(live, name)
