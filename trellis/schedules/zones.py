"""Wall times of a zone to instants, over the nights when its clocks change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cache

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a wall time
_DAY = 86_400
_YEARS = range(2020, 2101)
Walls = Callable[[datetime], Iterator[datetime]]
"""The wall times after a wall time."""


class UnknownZone(ValueError):
    """No zone of this name is known; its text is what to do about it, or empty."""


@cache
def zone_of(name: str) -> tzinfo:
    """The zone of an IANA name. Raises UnknownZone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UnknownZone(_near(name)) from None


def _near(name: str) -> str:
    from zoneinfo import available_timezones

    from trellis.model.problems import did_you_mean

    known = available_timezones()
    low = {zone.lower(): zone for zone in known}
    cities = {zone.lower().rsplit("/", 1)[-1]: zone for zone in sorted(known)}
    word = name.lower().replace(" ", "_")
    found = low.get(word) or cities.get(word.rsplit("/", 1)[-1])
    return did_you_mean(found, [found]) if found else did_you_mean(name, known) or "write a name such as Europe/Lisbon"


def instants(walls: Walls, name: str, after: float, *, hourly: bool) -> Iterator[float]:
    """The instants after `after` at which a clock of the zone shows one of the wall times.

    Not `hourly`: each wall time once, see `trellis.schedules.firings`. `hourly`: whenever a clock shows it.
    """
    zone = zone_of(name)
    try:
        yield from (_passing if hourly else _named)(walls, zone, after)
    except (OverflowError, ValueError):
        return  # the years of a datetime are over


def past_the_hour(name: str) -> int | None:
    """Seconds past the full hour of UTC at which a clock of the zone shows a full hour; None where that changes."""
    zone = zone_of(name)
    days = (datetime(year, month, 15) for year in _YEARS for month in (1, 7))  # noqa: DTZ001 - any time of two seasons
    found = {-_delta(day.replace(tzinfo=zone)) % 3600 for day in days}
    return found.pop() if len(found) == 1 else None


def _named(walls: Walls, zone: tzinfo, after: float) -> Iterator[float]:
    last = after
    for wall in walls(_wall(after, zone)):
        at = _instant(wall, zone)
        if at > last:
            yield float(at)
            last = at


def _passing(walls: Walls, zone: tzinfo, after: float) -> Iterator[float]:
    at: float = after
    while True:
        offset = _offset(int(at // 1), zone)
        turned = None
        for wall in walls(EPOCH + timedelta(seconds=at // 1 + offset)):
            instant = _seconds(wall) - offset
            turned = _turn(int(at // 1), instant, zone)
            if turned is not None:
                break
            yield float(instant)
            at = instant
        if turned is None:
            return
        if turned > after and next(walls(_wall(turned, zone) - timedelta(seconds=1)), None) == _wall(turned, zone):
            yield float(turned)
        at = turned


def _instant(wall: datetime, zone: tzinfo) -> int:
    """When a clock shows this for the first time; where none ever does, the first moment after."""
    early, late = (_seconds(wall) - _delta(wall.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if early <= late:
        return early  # the usual, or the first of two
    turned = _turn(
        late, early, zone
    )  # skipped: by the offset before it lies behind the change, and the other way round
    assert turned is not None
    return turned


def _turn(begin: int, end: int, zone: tzinfo) -> int | None:
    """The first instant after `begin`, up to `end`, when the zone's offset is another one; None: it stays."""
    offset = _offset(begin, zone)
    while begin < end:
        step = min(begin + _DAY, end)
        if _offset(step, zone) != offset:
            while step - begin > 1:
                middle = (begin + step) // 2
                begin, step = (middle, step) if _offset(middle, zone) == offset else (begin, middle)
            return step
        begin = step
    return None


def _wall(at: float, zone: tzinfo) -> datetime:
    seconds = int(at // 1)
    return EPOCH + timedelta(seconds=seconds + _offset(seconds, zone))


def _offset(at: int, zone: tzinfo) -> int:
    return _delta((EPOCH + timedelta(seconds=at)).replace(tzinfo=UTC).astimezone(zone))


def _delta(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else round(offset.total_seconds())


def _seconds(wall: datetime) -> int:
    return round((wall - EPOCH).total_seconds())
