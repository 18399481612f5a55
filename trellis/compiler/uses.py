"""Graphs that use graphs: E230, and what a `with` gives against the fields of the graph that it is for.

Each document is compiled alone; what is said here needs the other one too. So graphs may use each other, or themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from trellis.compiler import Compiled
from trellis.compiler.scopes import Scope, Scopes
from trellis.compiler.sites import Site, Steps, View
from trellis.compiler.states import MARK
from trellis.model.graph import Definition, Use
from trellis.model.problems import Problem
from trellis.model.values import Value, has_template


class Found(NamedTuple):
    """The document behind the path of a `use`: its name in `uses`, its path from the document that names it, and what it
    is. `compiled` is None where it cannot be read, which is told of elsewhere, or is no graph: then `reason` says so."""

    name: str
    path: str
    compiled: Compiled | None = None
    reason: str = ""
    hint: str = ""


def paths(compiled: Compiled) -> Iterator[tuple[str, str, str]]:
    """Each node that uses a graph: its id, the path of the document where it is written, and the path in it."""
    view = compiled.view
    for name, site in view.sites.items():
        if site.node.use is not None:
            included = view.is_included(site.steps)
            around = str(site.steps[0]).removeprefix(MARK) if included else view.document.path
            yield name, around, site.node.use.path


def check(compiled: Compiled, used: Mapping[str, Found]) -> list[Problem]:
    """What is wrong with the uses of a document; `used` holds the document of each node that uses one."""
    view, scopes = compiled.view, Scopes(compiled.view)
    problems: list[Problem] = []
    for name, found in used.items():
        site = view.sites[name]
        use = site.node.use
        assert use is not None
        if found.reason:
            problems.append(view.problem("E230", found.reason, (*site.steps, "use"), hint=found.hint))
        elif found.compiled is not None:
            problems += _given(view, site, use, found.compiled.view, scopes.of(site))
    return sorted(problems)


def linked(definition: Definition, used: Mapping[str, Found]) -> Definition:
    """The definition with the names of what it uses."""
    if not used:
        return definition
    nodes = dict(definition.nodes)
    for name, found in used.items():
        use = nodes[name].use
        assert use is not None
        nodes[name] = replace(nodes[name], use=replace(use, graph=found.name, path=found.path))
    return replace(definition, nodes=nodes)


def _given(view: View, site: Site, use: Use, other: View, scope: Scope) -> Iterator[Problem]:
    below = (*site.steps, "with")
    fields = other.definition.fields
    for name, value in use.fields.items():
        if name not in other.fields:
            if not other.lost() & {"fields"}:
                hint = other.guesses.hint("field", name, other.fields)
                yield view.problem("E211", f"'{use.path}' has no field '{name}'", (*below, name), key=True, hint=hint)
            continue
        if name not in fields:
            continue  # it could not be read
        yield from _fits(view, other, name, value, (*below, name), scope)
        yield from _secret(view, use, value, (*below, name), secret=fields[name].secret)
    if view.torn(*below) or view.lost(*site.steps) & {"with"}:
        return
    for name in other.unset:
        if name not in use.fields and fields[name].source is None:
            message = f"{site.shown} gives no '{name}', which '{use.path}' needs at start"
            hint = f"add with: {{{name}: …}}, or give the field a default"
            yield view.problem("E230", message, (*site.steps, "use"), hint=hint)


def _fits(view: View, other: View, name: str, value: Value, steps: Steps, scope: Scope) -> Iterator[Problem]:
    wants = other.fields[name]
    if isinstance(value, str) and "{{" in value:
        parsed = view.language.parse("template", value)
        scoped = view.language.within(scope)
        for reason in scoped.faults(parsed, wants):
            if reason not in scoped.faults(parsed, None):
                yield view.problem("E402", f"field '{name}': {reason}", steps)
    elif not has_template(value):
        misfit = other.misfit(name, value)
        if misfit is not None:
            yield view.problem("E402", misfit, steps)


def _secret(view: View, use: Use, value: Value, steps: Steps, *, secret: bool) -> Iterator[Problem]:
    """A secret goes into a secret, whole; nothing else does."""
    own = {name for name, field in view.definition.fields.items() if field.secret}
    whole = isinstance(value, str) and value.replace(" ", "") in {f"{{{{{name}}}}}" for name in own}
    if secret and not whole:
        hint = "declare the field secret here too, or give it from: env:NAME there"
        message = f"'{steps[-1]}' of '{use.path}' is secret, and this is not"
        yield view.problem("E404", message, steps, hint=hint)
    elif not secret and _reads(view, value, own):
        message = f"a secret would come to stand in '{steps[-1]}' of '{use.path}', which is none"
        yield view.problem("E404", message, steps, hint="declare that field with secret: true")


def _reads(view: View, value: Value, names: set[str]) -> bool:
    if isinstance(value, str):
        parsed = view.language.parse("template", value)
        return bool((parsed.names | parsed.soft_names) & names)
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_reads(view, part, names) for part in parts)
