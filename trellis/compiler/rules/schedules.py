"""E223: what `schedules` says can be: times that come, a zone that is known, and all that a run of it needs at its start."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Steps, View
from trellis.model.graph import Schedule
from trellis.model.problems import Problem
from trellis.model.values import has_template

CODES = ("E211", "E223")

SHORTEST_S = 1.0


def check(view: View) -> Iterator[Problem]:
    """The problems of each schedule by itself."""
    data: dict[str, Any] = view.document.data  # type: ignore[assignment]
    for name, written in (data.get("schedules") or {}).items():
        steps: Steps = ("schedules", name)
        schedule = view.definition.schedules[name]
        yield from _times(view, schedule, written, steps)
        if "zone" in written:
            yield from _zone(view, written["zone"], (*steps, "zone"))
        yield from _jitter(view, schedule, steps)
        yield from _fields(view, name, schedule, steps)


def _times(view: View, schedule: Schedule, written: dict[str, Any], steps: Steps) -> Iterator[Problem]:
    if "cron" in written:
        from trellis.schedules.crons import check as fault  # with its library; few graphs have schedules

        wrong = fault(written["cron"])
        if wrong is not None:
            yield view.problem("E223", wrong[0], (*steps, "cron"), hint=wrong[1])
    elif schedule.every is not None and schedule.every < SHORTEST_S:
        yield view.problem(
            "E223", f"'{written['every']}' is too short for a schedule", (*steps, "every"), hint="write 1s or more"
        )
    elif "calendar" in written:
        from trellis.schedules.calendars import never_comes, parse

        wrong_parts = False
        for key, part in written["calendar"].items():
            try:
                parse(key, part)
            except ValueError as error:
                wrong_parts = True
                fault_text, _, hint = str(error).partition(": ")
                yield view.problem("E223", fault_text, (*steps, "calendar", key), hint=hint)
        torn = wrong_parts or view.torn(*steps, "calendar")
        if not torn and never_comes(schedule.calendar or {}):
            message = "this calendar never fires: no such day ever comes"
            yield view.problem("E223", message, (*steps, "calendar"), hint="mind the length of the months")


def _zone(view: View, zone: str, steps: Steps) -> Iterator[Problem]:
    from trellis.schedules.zones import UnknownZone, zone_of

    try:
        zone_of(zone)
    except UnknownZone as error:
        yield view.problem("E223", f"no time zone named '{zone}'", steps, hint=str(error))


def _jitter(view: View, schedule: Schedule, steps: Steps) -> Iterator[Problem]:
    if schedule.every is not None and schedule.every >= SHORTEST_S and schedule.jitter > schedule.every:
        hint = "write as long as `every` at most"
        yield view.problem("E223", "`jitter` is longer than `every`", (*steps, "jitter"), hint=hint)


def _fields(view: View, name: str, schedule: Schedule, steps: Steps) -> Iterator[Problem]:
    for field, value in schedule.fields.items():
        place = (*steps, "with", field)
        if field not in view.fields:
            if not view.lost() & {"fields"}:
                hint = view.guesses.hint("field", field, view.fields)
                yield view.problem("E211", f"no field named '{field}'", place, key=True, hint=hint)
            continue
        declared = view.definition.fields.get(field)
        if declared is None:
            continue
        if declared.secret:
            message = f"secret field '{field}' cannot be given here: it would stand here in clear"
            yield view.problem("E223", message, place, key=True, hint="give the field from: env:NAME")
            continue
        reason = view.misfit(field, value)
        if reason is not None:
            yield view.problem("E223", reason, place)
        elif has_template(value):
            hint = "write the value itself, or compute it in the first node"
            yield view.problem(
                "E223", f"the value of field '{field}' holds `{{{{`, and is taken as it is", place, hint=hint
            )
    if view.torn(*steps, "with"):
        return
    for field in view.unset:
        declared = view.definition.fields.get(field)
        if declared is not None and declared.source is None and schedule.fields.get(field) is None:
            message = f"schedule '{name}' gives no '{field}', which a run needs at start"
            yield view.problem(
                "E223", message, steps, key=True, hint=f"add with: {{{field}: …}}, or give the field a default"
            )
