"""A project is looked through: what can be reached, what everything is called here, and what is set where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.loaders.aretw0.files import Note, Project
from trellis.loaders.aretw0.names import TAKEN, Names
from trellis.loaders.aretw0.paths import certain
from trellis.loaders.aretw0.plans import ROLLBACK, Plan, plan
from trellis.loaders.aretw0.saying import keys_read

LAST = "sys.ans"
"""Their last input, of whatever node; it has a field where a text reads it."""
RESULT = "tool_result"
_NOWHERE = "the project"


class Survey:
    """The plan of every node that can be reached, by its id; names; and the keys that are set where a node is entered.

    `read`: keys that texts read; `written`: keys that nodes write; `given`: keys that nodes need and only a start gives.
    """

    def __init__(self, project: Project) -> None:
        self.project = project
        self.plans: dict[str, Plan] = {}
        self.notes = project.notes
        self.node_names = Names()
        self.field_names = Names(TAKEN)
        self._walk()
        reached = {made.node.path for made in self.plans.values()}
        self.unreached = {note.path.partition(":")[0] for note in self.notes} - reached - {_NOWHERE}
        self.read = {key for made in self.plans.values() for text in _texts(made) for key in keys_read(text)}
        self._name_fields()
        self.written = {key for made in self.plans.values() for key in self.writes(made)}
        self.given = {key for key in self._required() if key not in self.written and key not in self.filled()}
        self.certain = self._set_everywhere()

    def note(self, where: str, text: str, *, fault: bool = False) -> None:
        self.notes.append(Note(where, text, fault))

    def _walk(self) -> None:
        """Plan every node that can be reached, in the order of a walk from the entry."""
        project = self.project
        error_node = "error" if "error" in project.nodes and project.nodes["error"].path.count("/") == 0 else ""
        waiting = [project.entry]
        if project.entry not in project.nodes:
            self.note(_NOWHERE, "there is no node to begin with: no start, main or index", fault=True)
            waiting = []
        while waiting:
            name = waiting.pop(0)
            if name in self.plans:
                continue
            node = project.nodes[name]

            def tell(text: str, where: str = node.path) -> None:
                self.note(where, text)

            def fault(text: str, where: str = node.path) -> None:
                self.note(where, text, fault=True)

            made = self.plans[name] = plan(node, error_node, tell, fault)
            self.node_names(name)
            for target in [
                *made.targets,
                *(node.data.get("on_signal_default", {}).values() if name == project.entry else ()),
            ]:
                found = project.find(str(target))
                if found is None:
                    fault(f"no node '{target}'")
                else:
                    waiting.append(found)
        for name, node in project.nodes.items():
            if name not in self.plans:
                self.note(node.path, "left out: no way leads there")

    def _name_fields(self) -> None:
        for made in self.plans.values():
            for key in (*made.fills, *made.required, *made.schema):
                self.field_names(str(key))
            if made.save:
                self.field_names(made.save)
        for key in sorted(self.read):
            self.field_names("sys_ans" if key == LAST else key)
        if any(made.do for made in self.plans.values()):
            self.field_names(RESULT)
        for key, name in self.field_names.changed.items():
            self.note(self.project.entry, f"the key '{key}' is the field '{name}' here")

    def _required(self) -> list[str]:
        return [str(key) for made in self.plans.values() for key in (*made.required, *made.schema)]

    def filled(self) -> set[str]:
        return {str(key) for made in self.plans.values() for key, value in made.fills.items() if value is not None}

    def writes(self, made: Plan) -> set[str]:
        written = {made.save} if made.save and (made.ask or made.do) else set()
        return written | ({RESULT} if made.do else set()) | ({LAST} if LAST in self.read else set())

    def target(self, target: str) -> str:
        if target == ROLLBACK:
            return target
        found = self.project.find(target)
        return self.node_names(target if found is None else found)

    def _set_everywhere(self) -> dict[str, frozenset[str]]:
        entry, ways = self.project.entry, {}
        if entry not in self.plans:
            return {}
        for name, made in self.plans.items():
            written = frozenset(self.writes(made))
            after = [(edge.target, written) for edge in made.edges] + [(made.refused, written)] * bool(made.refused)
            aside = [(target, frozenset[str]()) for target in (*made.catch.values(), *made.upon.values())]
            known = [(self.project.find(target), keys) for target, keys in after + aside if target != ROLLBACK]
            ways[name] = [(target, keys) for target, keys in known if target is not None]
        fallback = self.plans[entry].node.data.get("on_signal_default", {})
        ways[entry] += [
            (found, frozenset()) for target in fallback.values() if (found := self.project.find(str(target)))
        ]
        fills = {
            name: frozenset(str(key) for key, value in made.fills.items() if value is not None)
            for name, made in self.plans.items()
        }
        return certain(entry, self.given, ways, fills)


def _texts(made: Plan) -> Iterator[str]:
    """Every template of a node."""
    yield made.text
    for call in (made.do, made.undo):
        yield from _inside(call.arguments if call else None)


def _inside(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _inside(part)
