"""What is known of one firing from its schedule and its moment alone, so that every worker knows the same."""

from __future__ import annotations

from datetime import UTC, datetime

from trellis.model.graph import Schedule
from trellis.model.values import canonical, digest

REQUEST = "schedule:"
"""What the request begins with that starts the run of a firing."""
LONGEST = 200 - len(REQUEST)


def firing_id(graph: str, name: str, at: float) -> str:
    """The id of the run that a firing starts: `provision/nightly/2026-03-30T06:00:00Z`."""
    return f"{folder(graph, name)}{stamp(at)}"


def folder(graph: str, name: str) -> str:
    """What the ids of all firings of a schedule begin with."""
    text = f"{graph}/{name}/"
    room = LONGEST - len("2026-03-30T06:00:00.000Z")
    return text if len(text) <= room else f"{text[: room - 34]}~{digest(text.encode())[:32]}/"


def stamp(at: float) -> str:
    """A moment as ids have it, in UTC: to the second where it is whole."""
    moment = datetime.fromtimestamp(round(at * 1000) / 1000, UTC).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds") + "Z"


def moment(id: str) -> float | None:
    """When the firing was due, by the id of its run; None where that is no firing."""
    try:
        return datetime.fromisoformat(id.rpartition("/")[2].removesuffix("Z") + "+00:00").timestamp()
    except ValueError:
        return None


def delay(schedule: Schedule, id: str) -> float:
    """How long after its moment the firing of this id is due: the same everywhere, spread evenly over the jitter."""
    if not schedule.jitter:
        return 0.0
    return schedule.jitter * int(digest(f"jitter {id}".encode())[:13], 16) / 16**13


def version(schedule: Schedule) -> str:
    """Tells schedules apart that fire at other times."""
    calendar = None if schedule.calendar is None else {key: list(part) for key, part in schedule.calendar.items()}
    return digest(canonical([schedule.cron, schedule.every, calendar, schedule.zone]))[:12]
