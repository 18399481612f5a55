"""A run that was found open goes on: its overdue timers fire, and all that it waits for is asked for again."""

from __future__ import annotations

from trellis.errors import RunClosed
from trellis.hosts.driver import Driver
from trellis.hosts.live import LiveRun


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
