"""E226: reminders, steps of an escalation and heartbeats have time between them, and change something. W312: they come in time."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.rules.questions import unfit_name
from trellis.compiler.sites import Site, Steps, View, notices
from trellis.model.durations import format_duration
from trellis.model.graph import Escalation
from trellis.model.problems import Problem

CODES = ("E214", "E226", "W312")


def check(view: View) -> Iterator[Problem]:
    """The problems of each `remind`, `escalate` and `heartbeat`."""
    for site in view.sites.values():
        remind = site.node.remind
        if remind is not None:
            steps = (*site.steps, "remind", "every")
            if remind.every <= 0:
                message = f"the reminders of {site.shown} have no time between them"
                yield view.problem("E226", message, steps, hint="write how long it waits for each, as in every: 8h")
            yield from _late(view, site, remind.every, "the first reminder", steps)
        beat = site.node.heartbeat
        if beat is not None:
            steps = (*site.steps, "heartbeat")
            if beat <= 0:
                message = f"no attempt of {site.shown} could beat so often"
                yield view.problem("E226", message, steps, hint="write how long it may be silent, as in heartbeat: 30s")
            yield from _late(view, site, beat, "silence as long as the heartbeat", steps)
        if site.node.escalate and site.node.ask is not None:
            yield from _escalation(view, site)


def _escalation(view: View, site: Site) -> Iterator[Problem]:
    ask = site.node.ask
    assert ask is not None
    if ask.kind != "approve":
        message = f"only an approval is escalated, and {site.shown} asks for {ask.kind}"
        hint = "write `remind`, or `timeout` and `catch: {timeout: …}`"
        yield view.problem("E226", message, (*site.steps, "escalate"), key=True, hint=hint)
        return
    known, last = list(ask.by), 0.0
    for step, _, steps in notices(site):
        if not isinstance(step, Escalation):
            continue
        if "after" not in view.lost(*steps):
            if step.after <= last:
                shown = f"no later than the one before, after {format_duration(last)}" if last else "at once"
                message = f"a step of {site.shown} comes {shown}"
                hint = "each `after` counts from the question, and is longer than the one before"
                yield view.problem("E226", message, (*steps, "after"), hint=hint)
            last = max(last, step.after)
            yield from _late(view, site, step.after, "this step", (*steps, "after"))
        if step.by and not ask.by:
            message = f"anybody may approve {site.shown}, so nobody has to be added"
            yield view.problem("E226", message, (*steps, "by"), key=True, hint="say in `ask` who may at first: by: […]")
            continue
        for index, name in enumerate(step.by):
            reason = unfit_name(name, known)
            if reason:
                message = f"an approver of {site.shown}: {reason}"
                yield view.problem("E214", message, (*steps, "by", index))
            known.append(name)


def _late(view: View, site: Site, after: float, what: str, steps: Steps) -> Iterator[Problem]:
    limits = {key: getattr(site.node, key) for key in ("timeout", "deadline")}
    for key, limit in limits.items():
        if limit is not None and after >= limit:
            message = f"{what} of {site.shown} never comes: its {key} is {format_duration(limit)}"
            yield view.problem("W312", message, steps, hint=f"give it less than the {key}", severity="warning")
            return
