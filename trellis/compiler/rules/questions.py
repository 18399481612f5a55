"""E214: a question can be answered: its kind fits the type of its field, its options are there and fit, so is a default.

W309: what is asked for in secret is kept secret. What is kept secret is asked for in secret, or it would be echoed.
"""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, Steps, View
from trellis.model.graph import Ask
from trellis.model.problems import Problem
from trellis.model.types import Type, describe, fit, found

TAKES = {
    "text": ("string", "time", "duration", "any"),
    "secret": ("string", "any"),
    "confirm": ("boolean", "any"),
    "int": ("integer", "number", "any"),
    "number": ("number", "any"),
}
"""Kind of question -> the types of fields that take its answer. A choice gives what its options are."""
BETTER = {
    "string": "text", "time": "text", "duration": "text", "integer": "int", "number": "number", "boolean": "confirm",
}  # fmt: skip


def check(view: View) -> Iterator[Problem]:
    """The problems of each `ask` whose field is known."""
    for site in view.sites.values():
        ask = site.node.ask
        if ask is not None and ask.field in view.fields and ask.field not in view.lost("fields"):
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
    elif declared.kind not in TAKES[ask.kind]:
        better = "choice" if declared.enum else BETTER.get(declared.kind)
        hint = f"write {{{better}: {ask.field}}}" if better else f"{ask.kind} fills {' or '.join(TAKES[ask.kind][:-1])}"
        message = f"a question of kind {ask.kind} cannot fill '{ask.field}', which is {describe(declared)}"
        yield problem("E214", message, (*steps, ask.kind), key=True, hint=hint)
        return
    if ask.default is not None:
        reason = _misfit(declared, ask.default)
        if reason is None and ask.options and ask.default not in ask.options:
            reason = f"{found(ask.default)} is none of the options"
        if reason is not None:
            yield problem("E214", f"the default answer of {site.shown}: {reason}", (*steps, "default"))


def _secret(view: View, site: Site, ask: Ask, steps: Steps) -> Iterator[Problem]:
    problem = view.problem
    if ask.kind != "secret":
        message = f"a question of kind {ask.kind} shows its answer, and field '{ask.field}' is a secret"
        yield problem("E214", message, (*steps, ask.kind), key=True, hint=f"ask: {{secret: {ask.field}}}")
    for key in ("options", "default"):
        if site.data["ask"].get(key) is not None:
            message = f"the {'default answer' if key == 'default' else key} of {site.shown} would show a secret"
            yield problem("E214", message, (*steps, key), key=True, hint=f"remove `{key}`")


def _options(view: View, site: Site, ask: Ask, declared: Type, steps: Steps) -> Iterator[Problem]:
    if not ask.options and not view.lost(*steps) and not view.lost(*steps, "options"):
        message = f"{site.shown} offers nothing to choose from"
        hint = f"give it options: […], or the field '{ask.field}' an enum"
        yield view.problem("E214", message, (*steps, "choice"), hint=hint)
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
