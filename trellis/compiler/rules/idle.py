"""E217: what a node or a tool says about its work stands where there is such work, and what is caught can happen."""

from __future__ import annotations

from collections.abc import Iterator

from trellis.compiler.sites import Site, Steps, View
from trellis.model.graph import Verb
from trellis.model.problems import Problem

CODES = ("E217",)

BELONGS: dict[str, tuple[Verb, ...]] = {
    "with": ("do", "use"),
    "retry": ("do", "use", "emit"),
    "save": ("do", "all", "race", "each", "use", "wait"),
    "undo": ("do", "ask", "all", "race", "each", "use", "emit"),
    "timeout": ("do", "ask", "all", "race", "each", "use", "wait", "emit"),
    "deadline": ("do", "ask", "all", "race", "each", "use", "wait", "emit"),
    "heartbeat": ("do",),
    "remind": ("ask", "wait"),
    "escalate": ("ask",),
    "upon": ("do", "ask", "all", "race", "each", "use", "wait", "emit"),
    "join": ("all", "each"),
}
"""Key of a node -> the verbs it goes with."""
WHY: dict[tuple[str, str], str] = {
    ("with", "emit"): "what a signal carries stands in `emit`: {signal: …, to: …, with: {…}}",
    ("save", "emit"): "a signal gives nothing back; the other run may emit one in turn",
    ("save", "ask"): "the answer goes to the field that `ask` names",
    ("retry", "ask"): "a refused answer is asked again without it",
    ("retry", "all"): "put it into the branches",
    ("retry", "race"): "put it into the branches",
    ("retry", "each"): "put it into the body",
    ("join", "race"): "the first branch that completes is enough; write `all` for another join",
}
UNCAUGHT = {
    "step_limit": "going on would be more of what was too much",
    "visit_limit": "going on would be more of what was too much",
    "journal_limit": "going on would be more of what was too much",
}
"""Codes that end the run whatever catches them."""
JOINTS = str.maketrans("_.-", "aaa")
"""What may join the words of a code."""
FROM_GRAPH = frozenset({"no_edge", "expression", "invalid", "value_limit"})
"""Codes that a node can fail with although nothing acts in it."""


def check(view: View) -> Iterator[Problem]:
    """One problem for each key of a node that nothing in the node could ever use."""
    for code in view.definition.catch:
        yield from _code(view, code, ("catch", code))
    for name, tool in view.definition.tools.items():
        if tool.kind == "python" and tool.env:
            message = f"`env` goes with `process`, and tool '{name}' has `python`"
            yield view.problem("E217", message, ("tools", name, "env"), key=True, hint="remove `env`")
    fine: set[tuple[str, ...]] = set()
    """The verb and the keys of nodes of which each key belongs to the verb."""
    for site in view.sites.values():
        if (site.node.verb, *site.data) not in fine:
            misplaced = [key for key in site.data if site.node.verb not in BELONGS.get(key, (site.node.verb,))]
            if not misplaced:
                fine.add((site.node.verb, *site.data))
            elif not view.lost(*site.steps):
                yield from (_misplaced(view, site, key, BELONGS[key]) for key in misplaced)
        wait = site.node.wait
        if wait is not None and not wait.signal and "save" in site.data and not view.torn(*site.steps):
            message = f"{site.shown} waits for no signal, so there is nothing to save"
            yield view.problem("E217", message, (*site.steps, "save"), key=True, hint="remove `save`")
        if site.node.verb == "end" and "to" in site.data:
            message = f"{site.shown} ends the run, so its `to` is never taken"
            yield view.problem("E217", message, (*site.steps, "to"), key=True, hint="remove one of the two")
        for code in site.node.catch:
            yield from _caught(view, site, code, (*site.steps, "catch", code))


def _misplaced(view: View, site: Site, key: str, verbs: tuple[Verb, ...]) -> Problem:
    why = WHY.get((key, site.node.verb))
    acts = {"say": "only says something", "pass": "does nothing itself", "end": "ends the run"}
    what = acts.get(site.node.verb, f"has `{site.node.verb}`")
    message = f"`{key}` goes with {_listed(verbs)}, and {site.shown} {what}"
    return view.problem("E217", message, (*site.steps, key), key=True, hint=why or f"remove `{key}`")


def _caught(view: View, site: Site, code: str, steps: Steps) -> Iterator[Problem]:
    wrong = list(_code(view, code, steps))
    yield from wrong
    node = site.node
    may_fail = FROM_GRAPH | {"*"} if node.set else FROM_GRAPH
    if node.adds or node.removes or node.id in view.required_nodes:
        may_fail |= {"*", "states_refused"}
    if any(edge.undo for edge in node.to):
        may_fail |= {"*", "undo_failed"}
    if not wrong and node.verb in ("say", "pass", "end") and code not in may_fail and not view.torn(*site.steps):
        message = f"nothing in {site.shown} can fail {'in a way that * takes' if code == '*' else f'with {code}'}"
        yield view.problem("E217", message, steps, key=True, hint="catch it where something acts")


def _code(view: View, code: str, steps: Steps) -> Iterator[Problem]:
    if code in UNCAUGHT:
        message = f"{code} cannot be caught: {UNCAUGHT[code]}"
        yield view.problem("E217", message, steps, key=True, hint="raise it in `limits`, or mend the loop")
    elif code == "deadline":
        message = "no error has the code deadline"
        yield view.problem("E217", message, steps, key=True, hint="an exceeded deadline has the code `timeout`")
    elif code != "*" and not code.translate(JOINTS).isalnum():
        message = f"'{code}' is no word that an error could have as its code"
        hint = 'codes are words such as timeout, denied or failed; "*" takes all of them'
        yield view.problem("E217", message, steps, key=True, hint=hint)


def _listed(verbs: tuple[str, ...]) -> str:
    words = [f"`{verb}`" for verb in verbs]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
