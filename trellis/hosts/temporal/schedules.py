"""Schedules of graphs as schedules of a Temporal server, which starts their runs whether a worker is there or not.

One schedule of a graph is one of the server, under the id `GRAPH/NAME`; what a person did to it there, such as to pause
it, stays. Wall times cross as plain lists of numbers, since the server knows neither `L` nor `MON#1`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple

import msgspec
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleListDescription,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleUpdate,
    ScheduleUpdateInput,
)  # fmt: skip
from temporalio.service import RPCError, RPCStatusCode

from trellis.engine import start
from trellis.errors import TrellisError, UsageError
from trellis.hosts.rows import indexed
from trellis.hosts.temporal.address import unavailable
from trellis.hosts.temporal.attributes import first, register
from trellis.hosts.temporal.calls import must_fit
from trellis.hosts.temporal.messages import SEMANTICS, Begin, memo_of
from trellis.hosts.temporal.sources import project_of
from trellis.hosts.values import start_values
from trellis.model.events import RunStarted
from trellis.model.graph import Graph
from trellis.model.graph import Schedule as Declared
from trellis.model.values import canonical, digest
from trellis.schedules.calendars import RANGES, Calendar
from trellis.schedules.facts import REQUEST, moment
from trellis.schedules.patterns import patterns
from trellis.schedules.zones import past_the_hour

log = logging.getLogger("trellis")

YEARS = range(2000, 2101)
"""The years that a server knows."""
MAPPING = 1
"""Grows when the same schedule is to be kept in another way."""
MOST = 60
"""How many moments of an hour are said one by one."""
OVERLAP = {
    "skip": ScheduleOverlapPolicy.SKIP, "queue": ScheduleOverlapPolicy.BUFFER_ALL,
    "allow": ScheduleOverlapPolicy.ALLOW_ALL, "cancel": ScheduleOverlapPolicy.CANCEL_OTHER,
}  # fmt: skip
_OURS = "trellis"
"""What the memo of a schedule says of whose it is."""
_MADE = "schedule"
"""What the memo of its runs says of what it was made from."""

_STAMP = len("2026-03-30T06:00:00Z")
_HOUR = timedelta(hours=1)
_WHOLE = {key: tuple(range(RANGES[key][0], RANGES[key][1] + 1)) for key in ("month", "day", "weekday", "hour")} | {
    "year": ()
}


class BadSchedule(UsageError):
    """A schedule that a Temporal server cannot keep. Nothing of it was changed there."""

    def __init__(self, graph: str, name: str, reason: str) -> None:
        self.graph, self.name, self.reason = graph, name, reason
        super().__init__(f"schedule '{name}' of '{graph}' cannot be kept by Temporal: {reason}")


class Kept(NamedTuple):
    """What became of a schedule of the server."""

    id: str
    what: Literal["created", "updated", "unchanged", "removed"]


class _Owner(msgspec.Struct, frozen=True):
    graph: str
    queue: str


class _Wanted(NamedTuple):
    id: str
    schedule: Schedule
    made: str


def schedule_id(graph: str, name: str) -> str:
    """The id of a schedule; its runs are called `ID-2026-03-30T06:00:00Z`."""
    return f"{graph}/{name}"


def fired_at(run: str) -> float | None:
    """When the firing was due that started the run, by its id; None where no server did."""
    stamped = run[-_STAMP:]
    return moment(f"/{stamped}") if run[:-_STAMP].endswith("-") else None


async def keep(client: Client, queue: str, graphs: Sequence[Graph]) -> list[Kept]:
    """Let the server have the schedules of these graphs, and no others of theirs, with runs for the workers of `queue`.

    One that is the same as it was is left alone, so that nothing it missed is forgotten. Schedules of other graphs stay.
    Raises BadSchedule before anything is changed, where that can be known; StoreUnavailable.
    """
    wanted = [
        _wanted(graph, name, each, queue) for graph in graphs for name, each in graph.definition.schedules.items()
    ]
    if any(indexed(graph) for graph in graphs if graph.definition.schedules):
        await register(client)
    try:
        done = [await _put(client, queue, each) for each in wanted]
        return done + await _tidied(client, queue, {graph.name for graph in graphs}, {each.id for each in wanted})
    except RPCError as error:
        where = f"temporal://{client.service_client.config.target_host}/{client.namespace}"
        raise unavailable(where, client.namespace, error) from error


async def _tidied(client: Client, queue: str, names: Collection[str], wanted: Collection[str]) -> list[Kept]:
    """Remove those of graphs of these names that are not wanted any more."""
    done = []
    async for listed in await client.list_schedules():
        if listed.id in wanted:
            continue
        try:
            owner = await _owner(listed)
        except TrellisError as error:  # under a key that is not known here
            if listed.id.rpartition("/")[0] in names:
                log.warning("schedule '%s' is left to go on: whose it is cannot be read: %s", listed.id, error)
            continue
        if owner is not None and owner.queue == queue and owner.graph in names and await _remove(client, listed.id):
            done.append(Kept(listed.id, "removed"))
    return done


def spec(graph: str, name: str, schedule: Declared) -> ScheduleSpec:
    """When it fires. Raises BadSchedule."""
    jitter = timedelta(seconds=schedule.jitter) if schedule.jitter else None
    if schedule.every is not None:
        if schedule.every != int(schedule.every):
            raise BadSchedule(graph, name, f"`every: {schedule.every:g}s` is no whole number of seconds")
        return ScheduleSpec(intervals=[ScheduleIntervalSpec(timedelta(seconds=schedule.every))], jitter=jitter)
    found = patterns(schedule, YEARS)
    if len(found) == 1 and (hours := _hourly(found[0], schedule.zone)):
        return ScheduleSpec(intervals=hours, jitter=jitter)
    calendars = [_calendar(pattern) for pattern in found]
    if not calendars:
        raise BadSchedule(graph, name, f"it fires in no year from {YEARS[0]} to {YEARS[-1]}, which are all it knows")
    return ScheduleSpec(calendars=calendars, jitter=jitter, time_zone_name=schedule.zone)


def ranges(numbers: Sequence[int]) -> list[ScheduleRange]:
    """Sorted numbers as ranges with steps."""
    found: list[ScheduleRange] = []
    for number in numbers:
        last = found[-1] if found else None
        if last is None:
            found.append(ScheduleRange(number, number, 1))
        elif last.start == last.end or last.end + last.step == number:
            found[-1] = ScheduleRange(last.start, number, number - last.end)
        else:
            found.append(ScheduleRange(number, number, 1))
    return found


def _hourly(pattern: Calendar, zone: str) -> list[ScheduleIntervalSpec]:
    """What fires in every hour as steps of an hour; none where it does not, or is better said otherwise.

    Whoever goes by the clock has to know what to do in the night when an hour comes twice, and the server leaves it out.
    """
    times = [60 * minute + second for minute in pattern["minute"] for second in pattern["second"]]
    past = past_the_hour(zone)
    if past is None or len(times) > MOST or any(pattern.get(key, whole) != whole for key, whole in _WHOLE.items()):
        return []
    return [ScheduleIntervalSpec(_HOUR, timedelta(seconds=(past + time) % 3600)) for time in times]


def _calendar(pattern: Calendar) -> ScheduleCalendarSpec:
    weekdays = sorted((weekday + 1) % 7 for weekday in pattern["weekday"])  # there a week begins with its Sunday
    return ScheduleCalendarSpec(
        year=ranges(pattern.get("year", ())),
        month=ranges(pattern["month"]),
        day_of_month=ranges(pattern["day"]),
        day_of_week=ranges(weekdays),
        hour=ranges(pattern["hour"]),
        minute=ranges(pattern["minute"]),
        second=ranges(pattern["second"]),
    )


def _wanted(graph: Graph, name: str, schedule: Declared, queue: str) -> _Wanted:
    own = schedule_id(graph.name, name)
    when = spec(graph.name, name, schedule)
    try:
        given, secrets = start_values(graph, schedule.fields)
        started = RunStarted(0.0, "", graph.hash, given, request=REQUEST + own)
        start(graph, msgspec.structs.replace(started, run=own))
        must_fit(graph, "temporal:")
    except TrellisError as error:
        raise BadSchedule(graph.name, name, f"no run of it can be started: {error}") from error
    if secrets:
        secret = ", ".join(f"'{field}'" for field in secrets)
        raise BadSchedule(
            graph.name, name, f"its runs need the secret {secret}, and the server that starts them may not have it; "
            "let a tool read it where it is needed",
        )  # fmt: skip
    _, source = project_of(graph)
    made = digest(canonical([MAPPING, SEMANTICS, graph.hash, source, queue, msgspec.to_builtins(schedule), given]))
    action = ScheduleActionStartWorkflow(
        graph.name,
        args=[Begin(graph.hash, source, SEMANTICS, started=started), msgspec.Raw(graph.data)],
        id=own,
        task_queue=queue,
        memo=memo_of(graph, started.request) | ({"source": source} if source else {}) | {_MADE: made},
        typed_search_attributes=first(graph, given),
    )
    policy = SchedulePolicy(
        overlap=OVERLAP[schedule.overlap], catchup_window=timedelta(seconds=max(schedule.catch_up, 1))
    )
    return _Wanted(own, Schedule(action, when, policy), made)


async def _put(client: Client, queue: str, wanted: _Wanted) -> Kept:
    graph, _, name = wanted.id.rpartition("/")
    try:
        await client.create_schedule(wanted.id, wanted.schedule, memo={_OURS: _Owner(graph, queue)})
        return Kept(wanted.id, "created")
    except ScheduleAlreadyRunningError:
        pass
    except RPCError as error:
        raise _refused(graph, name, error) from error
    handle = client.get_schedule_handle(wanted.id)
    found = await handle.describe()
    try:
        owner = await _owner(found)
    except TrellisError as error:
        told = f"the namespace has a schedule '{wanted.id}' already, and whose it is cannot be read: {error}"
        raise BadSchedule(graph, name, told) from error
    if owner is None or owner.queue != queue:
        whose = f"for the queue '{owner.queue}'" if owner is not None else "by somebody else"
        raise BadSchedule(
            graph,
            name,
            f"the namespace has a schedule '{wanted.id}' already, made {whose}; delete it, or use another namespace",
        )
    if await _made(client, found) == wanted.made:
        return Kept(wanted.id, "unchanged")

    def changed(now: ScheduleUpdateInput) -> ScheduleUpdate:
        was = now.description.schedule
        wanted.schedule.state = was.state
        wanted.schedule.policy.pause_on_failure = was.policy.pause_on_failure
        return ScheduleUpdate(wanted.schedule)

    try:
        await handle.update(changed)
    except RPCError as error:
        raise _refused(graph, name, error) from error
    return Kept(wanted.id, "updated")


async def _remove(client: Client, id: str) -> bool:
    try:
        await client.get_schedule_handle(id).delete()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        return False  # the list is a little behind
    return True


async def _made(client: Client, found: ScheduleDescription) -> str:
    action = found.schedule.action
    memo: Any = action.memo if isinstance(action, ScheduleActionStartWorkflow) else None
    if not memo or _MADE not in memo:
        return ""
    try:
        (made,) = await client.data_converter.decode([memo[_MADE]])
    except TrellisError:
        return ""  # made under a key that is gone: it is made again
    return str(made)


async def _owner(found: ScheduleDescription | ScheduleListDescription) -> _Owner | None:
    """Whose it is; None: nobody's of us. Raises TrellisError where what it says cannot be read."""
    try:
        return msgspec.convert((await found.memo()).get(_OURS), _Owner)
    except msgspec.ValidationError:
        return None


def _refused(graph: str, name: str, error: RPCError) -> Exception:
    return BadSchedule(graph, name, error.message) if error.status is RPCStatusCode.INVALID_ARGUMENT else error
