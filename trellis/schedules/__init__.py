"""When a schedule fires: a pure function of the schedule and a moment, over both nights when clocks change.

Nothing here reads a clock. The rules of time zones are data of the system, read by `zoneinfo`; instants are seconds
since 1970, UTC.

    crons      `cron`: five fields to wall times
    calendars  `calendar`: lists of numbers to wall times
    patterns   either as lists of numbers alone, for a clock that is not ours
    zones      wall times of a zone to instants
    facts      what is known of one firing: its id, the request that starts it, its jitter
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.model.graph import Schedule


def firings(schedule: Schedule, after: float) -> Iterator[float]:
    """The moments after `after` at which the schedule fires, in order and without end, but for a calendar with years.

    `cron` and `calendar` name wall times of the zone. Where clocks go forward, one that does not exist fires once, at
    the first moment that does; where they go back, one that comes twice fires the first time. A schedule of every hour
    goes by what passes instead: it skips no hour and repeats none. `every` counts from 1970, UTC, whatever clocks do.
    """
    if schedule.every is not None:
        return _steps(round(schedule.every * 1000), after)
    from trellis.schedules.zones import instants

    if schedule.calendar is not None:
        from trellis.schedules import calendars

        calendar = schedule.calendar
        hourly = calendars.is_hourly(calendar)
        return instants(lambda wall: calendars.walls(calendar, wall), schedule.zone, after, hourly=hourly)
    from trellis.schedules import crons

    cron = schedule.cron
    return instants(lambda wall: crons.walls(cron, wall), schedule.zone, after, hourly=crons.is_hourly(cron))


def _steps(step: int, after: float) -> Iterator[float]:
    at = int(after * 1000 // step)
    while True:
        at += 1
        if at * step / 1000 > after:
            yield at * step / 1000
