"""Which states there are: those of `extends`, then of `schema`, then of `states`; a later one replaces an equal name."""

from __future__ import annotations

from typing import Any

from trellis.compiler.sites import Declared, Group, Steps, View
from trellis.compiler.sources import Source
from trellis.model.mixins import MIXINS
from trellis.model.problems import did_you_mean

MARK = "file:"
"""Steps in another document begin with this and its path."""

States = dict[str, Declared]
Groups = dict[str, Group]


def gather(view: View, root: Source) -> None:
    """Put all declared states and groups into `view`, each with its place; and what is wrong with who is named."""
    gathering = _Gathering(view, root)
    view.states, view.groups = gathering.all_of(root, ())


class _Gathering:
    """One walk over the documents that name each other."""

    def __init__(self, view: View, root: Source) -> None:
        self.view, self.root = view, root
        self.known: dict[str, tuple[States, Groups]] = {}
        self.under_way: list[str] = []

    def all_of(self, source: Source, prefix: Steps) -> tuple[States, Groups]:
        """The states and groups that a document gives to whoever names it."""
        path = source.document.path
        self.under_way.append(path)
        states: States = {}
        groups: Groups = {}
        data: dict[str, Any] = source.document.data  # type: ignore[assignment]
        if source.kind == "state schema" and "tools" in data:
            steps, hint = (*prefix, "tools"), "the graph that uses it declares them"
            message = "unknown key 'tools' of a state schema"
            self.view.misnamed.append(self.view.problem("E201", message, steps, key=True, hint=hint))
        for place, name in enumerate(data.get("extends") or ()):
            self.take(source, name, ("extends", place), prefix, states, groups)
        if "schema" in data:
            self.take(source, data["schema"], ("schema",), prefix, states, groups)
        if {("schema",), ("extends",), ("states",)} & set(source.pruned):
            self.view.open = True
        for name, written in (data.get("states") or {}).items():
            states[name] = Declared(name, written, (*prefix, "states", name))
        for name, members in (data.get("groups") or {}).items():
            groups[name] = Group(name, members, (*prefix, "groups", name))
        self.under_way.pop()
        self.known[path] = states, groups
        return states, groups

    def take(self, source: Source, name: str, steps: Steps, prefix: Steps, states: States, groups: Groups) -> None:
        """Add what `name`, at `steps` of `source`, gives."""
        place = (*prefix, *steps)
        if steps not in source.named and name in MIXINS and steps != ("schema",):
            for state, definition in MIXINS[name].items():
                states[state] = Declared(state, {}, place, mixin=name, definition=definition)
            return
        other = source.named.get(steps, "")
        if not isinstance(other, Source):
            self.view.open = True
            if other is not None:
                self.refuse(place, *_reason(name, other))
            return
        if other.kind != "state schema":
            self.view.open = True
            hint = "only state schemas have states for others: documents with `states` and without `nodes`"
            self.refuse(place, f"'{name}' is a {other.kind}, not a state schema", hint)
            return
        path = other.document.path
        if path in self.under_way:
            way = [*self.under_way[self.under_way.index(path) :], path]
            message = "this extends itself" if len(way) == 2 else f"these extend each other: {' → '.join(way)}"
            self.refuse(place, message, "let one of them go without the other")
            return
        if path not in self.known:
            self.all_of(other, self.view.include(MARK + path, other.document, other.pruned))
        found, grouped = self.known[path]
        states.update(found)
        groups.update(grouped)

    def refuse(self, steps: Steps, message: str, hint: str) -> None:
        """Tell of a name that gives no states."""
        self.view.misnamed.append(self.view.problem("E506", message, steps, hint=hint))


def _reason(name: str, reason: str) -> tuple[str, str]:
    if reason:
        reason, _, near = reason.partition("; ")
        return f"cannot read '{name}': {reason}", near or "a path begins at the folder of the file that names it"
    if "/" in name or "." in name:
        return f"cannot read '{name}': this document is in no file, so no path begins here", ""
    known = f"built in are {', '.join(MIXINS)}; a path is written ./{name}.yaml"
    return f"no states named '{name}' to extend", did_you_mean(name, MIXINS) or known
