"""E214: a question can be answered: its kind fits the type of its field, its options are there and fit, so is a default.

W309: what is asked for in secret is kept secret. What is kept secret is asked for in secret, or it would be echoed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from trellis.compiler.parts import FILLS
from trellis.compiler.sites import Site, Steps, View
from trellis.model.dates import read_date
from trellis.model.graph import Ask
from trellis.model.problems import Problem
from trellis.model.types import Type, describe, fit, found

CODES = ("E214", "W309")

STRING = Type("string")
TAKES = {
    "text": ("string", "time", "duration", "any"),
    "secret": ("string", "any"),
    "confirm": ("boolean", "any"),
    "int": ("integer", "number", "any"),
    "number": ("number", "any"),
    "multi": ("list", "any"),
    "date": ("string", "time", "any"),
    "approve": ("approval", "any"),
}
"""Kind of question -> the types of fields that take its answer. A choice gives what its options are."""
BETTER = {**FILLS, "approval": "approve"}
APART = {"options": ("date", "form", "approve"), "default": ("form", "approve")}
"""Key -> the kinds of questions that it says nothing to."""
ONLY = {"by": ("approve",), "quorum": ("approve",), "lines": ("text",)}
"""Key -> the kinds of questions that it goes with."""


def check(view: View) -> Iterator[Problem]:
    """The problems of each `ask` whose field is known."""
    for site in view.sites.values():
        ask = site.node.ask
        if ask is not None and ask.form:
            yield from _form(view, site, ask, (*site.steps, "ask"))
        elif ask is not None and ask.field in view.fields and ask.field not in view.lost("fields"):
            yield from _question(view, site, ask, view.fields[ask.field], (*site.steps, "ask"))


def _question(view: View, site: Site, ask: Ask, declared: Type, steps: Steps) -> Iterator[Problem]:
    problem = view.problem
    if view.definition.fields[ask.field].secret:
        yield from _secret(view, site, ask, steps)
        return
    if ask.kind == "secret":
        message = f"the answer to {site.shown} is kept in clear: field '{ask.field}' is no secret"
        yield problem("W309", message, (*steps, "secret"), hint="give the field secret: true", severity="warning")
    if ask.kind == "choice":
        yield from _options(view, site, ask, declared, steps)
    elif ask.kind == "multi" and declared.kind in TAKES["multi"]:
        yield from _options(view, site, ask, declared.item or Type("any"), steps)
    elif declared.kind not in TAKES[ask.kind]:
        better = "choice" if declared.enum else BETTER.get(declared.kind)
        hint = f"write {{{better}: {ask.field}}}" if better else f"{ask.kind} fills {' or '.join(TAKES[ask.kind][:-1])}"
        message = f"a question of kind {ask.kind} cannot fill '{ask.field}', which is {describe(declared)}"
        yield problem("E214", message, (*steps, ask.kind), key=True, hint=hint)
        return
    yield from _keys(view, site, ask, steps)
    if ask.kind == "approve":
        yield from _approvers(view, site, ask, steps)
    elif ask.default is not None:
        reason = _misfit(declared, ask.default)
        for chosen in _several(ask.default) if ask.kind == "multi" else [ask.default]:
            if reason is None and ask.options and ask.kind != "date" and chosen not in ask.options:
                reason = f"{found(chosen)} is none of the options"
        if reason is None and ask.kind == "date" and declared.kind != "time":
            reason = _undated(ask.default)
        if reason is not None:
            yield problem("E214", f"the default answer of {site.shown}: {reason}", (*steps, "default"))


def _form(view: View, site: Site, ask: Ask, steps: Steps) -> Iterator[Problem]:
    yield from _keys(view, site, ask, steps)
    for place, name in enumerate(ask.fields):
        here = (*steps, "form", place)
        if name in ask.fields[:place]:
            yield view.problem("E214", f"the form of {site.shown} asks for '{name}' twice", here)
        elif name in view.fields and name not in view.lost("fields"):
            declared, part = view.fields[name], ask.form[place]
            message = f"the form of {site.shown} cannot ask for '{name}', which is {describe(declared)}"
            if view.definition.fields[name].secret:
                message = f"the form of {site.shown} shows its answers, and field '{name}' is a secret"
                yield view.problem("E214", message, here, hint=f"ask for it alone: ask: {{secret: {name}}}")
            elif declared.kind == "list" and not part.options:
                yield view.problem("E214", message, here, hint="give it the type [{type: string, enum: […]}]")
            elif declared.kind not in FILLS:
                better = BETTER.get(declared.kind)
                hint = (
                    f"ask for it alone: ask: {{{better}: {name}}}" if better else f"a form asks for {', '.join(FILLS)}"
                )
                yield view.problem("E214", message, here, hint=hint)


def _secret(view: View, site: Site, ask: Ask, steps: Steps) -> Iterator[Problem]:
    problem = view.problem
    if ask.kind != "secret":
        message = f"a question of kind {ask.kind} shows its answer, and field '{ask.field}' is a secret"
        yield problem("E214", message, (*steps, ask.kind), key=True, hint=f"ask: {{secret: {ask.field}}}")
    for key in ("options", "default"):
        if site.data["ask"].get(key) is not None:
            message = f"the {'default answer' if key == 'default' else key} of {site.shown} would show a secret"
            yield problem("E214", message, (*steps, key), key=True, hint=f"remove `{key}`")


def _keys(view: View, site: Site, ask: Ask, steps: Steps) -> Iterator[Problem]:
    for key in site.data["ask"]:
        why = ""
        if ask.kind in APART.get(key, ()):
            why = "silence is no approval" if key == "default" else "any date can be chosen"
            why = "its options are its own" if (key, ask.kind) == ("options", "approve") else why
            why = "that of its fields is taken" if ask.kind == "form" else why
        elif ask.kind not in ONLY.get(key, (ask.kind,)):
            why = f"it goes with {' and '.join(ONLY[key])}"
        if why:
            message = f"`{key}` says nothing to a question of kind {ask.kind}: {why}"
            yield view.problem("E214", message, (*steps, key), key=True, hint=f"remove `{key}`")


def _approvers(view: View, site: Site, ask: Ask, steps: Steps) -> Iterator[Problem]:
    for place, name in enumerate(ask.by):
        reason = unfit_name(name, ask.by[:place])
        if reason:
            yield view.problem("E214", f"an approver of {site.shown}: {reason}", (*steps, "by", place))
    everybody = {*ask.by, *(name for step in site.node.escalate for name in step.by)}
    if ask.by and ask.quorum > len(everybody) and not (view.lost(*steps, "by") or view.torn(*site.steps, "escalate")):
        message = f"{site.shown} waits for {ask.quorum} approvals, and names {len(everybody)} who may give them"
        yield view.problem("E214", message, (*steps, "quorum"), hint="name more approvers, or wait for fewer")


def unfit_name(name: str, before: Collection[str]) -> str:
    """Why this is no name of an approver beside those before it; empty where it is one."""
    if "{{" in name:
        return "names of approvers are written as they are, no text is made of data here"
    if name != name.strip() or not name:
        return f"{found(name)} is no name: it is empty, or has blanks around it"
    return f"{found(name)} is there twice" if name in before else ""


def _options(view: View, site: Site, ask: Ask, declared: Type, steps: Steps) -> Iterator[Problem]:
    if not ask.options and not view.lost(*steps) and not view.lost(*steps, "options"):
        message = f"{site.shown} offers nothing to choose from"
        enum = "an enum" if ask.kind == "choice" else "the type [{type: string, enum: […]}]"
        hint = f"give it options: […], or the field '{ask.field}' {enum}"
        yield view.problem("E214", message, (*steps, ask.kind), hint=hint)
    if "options" not in site.data["ask"]:
        return
    for place, option in enumerate(ask.options):
        reason = _misfit(declared, option)
        if reason is None and option in ask.options[:place]:
            reason = f"{found(option)} is there twice"
        if reason is not None:
            message = f"an option of {site.shown} does not fit '{ask.field}': {reason}"
            yield view.problem("E214", message, (*steps, "options", place))


def _misfit(declared: Type, value: object) -> str | None:
    try:
        fit(declared, value)
    except ValueError as error:
        return str(error)
    return None


def _undated(value: object) -> str | None:
    try:
        read_date(STRING, value)
    except ValueError as error:
        return str(error)
    return None


def _several(value: object) -> list[object]:
    return value if isinstance(value, list) else []
