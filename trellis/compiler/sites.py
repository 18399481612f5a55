"""The resolved view: what rules read. Every node beside the place it is written at, every name beside what it means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, Literal

from trellis.compiler.guesses import Guesses
from trellis.compiler.language import Language, Parsed, Scope
from trellis.compiler.relations import Relations
from trellis.model.documents import Document, Step
from trellis.model.graph import Definition, Escalation, Node, Remind
from trellis.model.problems import Problem, Severity
from trellis.model.states import DeclaredState, StateDef
from trellis.model.types import Type, fit
from trellis.model.values import Value

Steps = tuple[Step, ...]

Phase = Literal["enter", "done", "set", "route"]
"""When a text of a node is read: before it acts, after `save`, in `set`, or when it chooses its way on."""


class Text:
    """One expression or template as written, where it stands, when it is read and what it must give (None: anything)."""

    __slots__ = ("faults", "kind", "parsed", "phase", "scope", "steps", "text", "wants")

    def __init__(
        self, kind: Literal["expression", "template"], text: str, steps: Steps, phase: Phase, wants: Type | None = None
    ) -> None:
        self.kind, self.text, self.steps, self.phase, self.wants = kind, text, steps, phase, wants
        self.parsed: Parsed
        """What it is in pieces; this and what follows is found by `scopes`, before anything else asks."""
        self.scope: Scope
        self.faults: Sequence[str]
        """What is wrong with its types."""


class Reference:
    """A name in the document that should mean a node: `found` is the node's id, or a target that is none."""

    __slots__ = ("found", "name", "region", "steps")

    def __init__(self, name: str, region: str, steps: Steps, found: str | None) -> None:
        self.name, self.region, self.steps, self.found = name, region, steps, found


Role = Literal["require", "add", "remove", "after", "set", "wait", "upon", "groups"]
"""Where a name stands that should mean a state; in the first four, among the relations of one."""


class Mention:
    """A name in a document that should mean a state: `meant` is the state or node it does, or its best guess."""

    __slots__ = ("holder", "key", "meant", "name", "role", "sound", "steps")

    def __init__(
        self, name: str, role: Role, steps: Steps, meant: str | None, *, sound: bool, holder: Declared | None, key: bool
    ) -> None:
        self.name, self.role, self.steps, self.meant, self.sound = name, role, steps, meant, sound
        self.holder, self.key = holder, key


class Declared:
    """One state: as written (`data` at `steps`), or as a mixin gives it, at the name of the mixin; and as lowered."""

    __slots__ = ("data", "definition", "guards", "mixin", "name", "state", "steps")

    def __init__(
        self, name: str, data: dict[str, Any], steps: Steps, *, mixin: str = "", definition: StateDef | None = None
    ) -> None:
        self.name, self.data, self.steps, self.mixin, self.definition = name, data, steps, mixin, definition
        self.state = DeclaredState()
        self.guards: list[Text] = []
        """`enter_if` and `exit_if`."""

    @property
    def shown(self) -> str:
        """The state as messages name it."""
        return f"state '{self.name}'" + (f" of '{self.mixin}'" if self.mixin else "")

    def at(self, key: str, place: int | None = None) -> Steps:
        """Where a part of it stands; for one of a mixin, where that is named."""
        if self.mixin:
            return self.steps
        return (*self.steps, key) if place is None else (*self.steps, key, place)


class Group:
    """A named list of states, as written."""

    __slots__ = ("members", "name", "steps")

    def __init__(self, name: str, members: list[str], steps: Steps) -> None:
        self.name, self.members, self.steps = name, members, steps


class Region:
    """The nodes that may name each other: those of the graph (id "") or of one body. `single`: it is one node."""

    __slots__ = ("assumed", "id", "locals", "names", "owner", "single", "start", "state", "steps")

    def __init__(
        self, id: str, owner: str, steps: Steps, local: frozenset[str], *, single: bool, state: str = ""
    ) -> None:
        self.id, self.owner, self.steps, self.locals, self.single = id, owner, steps, local, single
        self.state = state
        """The state whose `entered` or `exited` it is; such a region has no owner."""
        self.names: dict[str, str] = {}
        """Name as written -> id of the node. Names that could not be read are in it too."""
        self.start = ""
        self.assumed = False
        """Nothing says where to start, and there is more than one node."""

    @property
    def inner(self) -> bool:
        """Whether it is a body, and not the graph itself."""
        return bool(self.owner or self.state)


class Site:
    """One node: as lowered, as written (`data` at `steps`), in its region, with its texts."""

    __slots__ = ("data", "handles", "needs", "node", "region", "steps", "texts")

    def __init__(
        self,
        node: Node,
        data: dict[str, Any],
        steps: Steps,
        region: Region,
        texts: list[Text],
        *,
        handles: bool = False,
    ) -> None:
        self.node, self.data, self.steps, self.region, self.texts = node, data, steps, region, texts
        self.handles = handles
        """It is a body in a `catch` or an `upon`; its ways on are those of another node."""
        self.needs: list[Text] = []
        """Each field that must be set on every path to here, as a text that reads it."""
        for place, name in enumerate(data.get("needs") or ()):
            self.needs.append(Text("expression", name, (*steps, "needs", place), "enter"))

    @property
    def shown(self) -> str:
        """The node as messages name it."""
        return f"'{self.node.id}'"


def notices(site: Site) -> Iterable[tuple[Remind | Escalation, dict[str, Any], Steps]]:
    """What is done beside a node while it waits: as lowered, as written, and where."""
    return _notices(site) if site.node.remind is not None or site.node.escalate else ()


def _notices(site: Site) -> Iterator[tuple[Remind | Escalation, dict[str, Any], Steps]]:
    if site.node.remind is not None:
        yield site.node.remind, site.data["remind"], (*site.steps, "remind")
    written: Any = site.data.get("escalate")
    for place, step in enumerate(site.node.escalate):
        if isinstance(written, list):
            yield step, written[place], (*site.steps, "escalate", place)
        else:
            yield step, written, (*site.steps, "escalate")


class Unset:
    """A text that reads a field which nothing has written on `path` (node ids; empty where none was looked for).

    `site` is None for a guard of a state that comes by itself; `state` is the state whose guard it is, or None.
    """

    __slots__ = ("path", "site", "state", "text")

    def __init__(self, site: Site | None, text: Text, path: list[str], state: Declared | None = None) -> None:
        self.site, self.text, self.path, self.state = site, text, path, state


class View:
    """One document, resolved and lowered. Rules read it; nothing is changed in it once it is made."""

    __slots__ = (
        "_included", "_lost", "_torn", "definition", "document", "fields", "groups", "guesses", "language", "mentions", "misnamed",
        "open", "references", "regions", "relations", "required_nodes", "sites", "states", "texts", "tools", "unproved", "unset", "warned",
    )  # fmt: skip

    def __init__(self, document: Document, pruned: Collection[Steps], tools: Collection[str] | None) -> None:
        self.document = document
        self._included: dict[Step, Document] = {}
        self._lost: dict[Steps, set[Step]] = {}
        self._torn: set[Steps] = set()
        self._lose((), pruned)
        self.tools = tools
        """Names the host registers; None: any name may be one."""
        self.definition: Definition
        self.sites: dict[str, Site] = {}
        """By id, in document order, a node before those in its bodies."""
        self.regions: dict[str, Region] = {}
        self.fields: dict[str, Type] = {}
        """Type by field. Fields that could not be read are there, as `any`."""
        self.references: list[Reference] = []
        """Every name that should mean a node, those that mean none included."""
        self.texts: list[Text] = []
        """Texts outside nodes: the checks of fields, the words of tools, the guards of states."""
        self.states: dict[str, Declared] = {}
        """The declared states, in order, those of other documents included."""
        self.groups: dict[str, Group] = {}
        self.mentions: list[Mention] = []
        """Every name that should mean a state, those that mean none included."""
        self.required_nodes: set[str] = set()
        """The nodes that some state requires."""
        self.misnamed: list[Problem] = []
        """What is wrong with `extends` and `schema`, and with what they name."""
        self.open = False
        """Some states could not be read, so a name that means nothing may be one of them."""
        self.warned = True
        """Warnings are wanted; without it they are made without their places, which are the dearest part."""
        self.guesses = Guesses()
        self.language = Language()
        self.relations: Relations
        self.unset: dict[str, Unset] = {}
        """The fields that a run needs at start, and who reads each first."""
        self.unproved: list[Unset] = []
        """The fields that a node says it needs, and that some path does not write."""

    def include(self, mark: str, document: Document, pruned: Collection[Steps]) -> Steps:
        """Make places in another document known; gives what steps in it begin with."""
        self._included[mark] = document
        self._lose((mark,), pruned)
        return (mark,)

    def _lose(self, prefix: Steps, pruned: Collection[Steps]) -> None:
        for written in pruned:
            steps = prefix + written
            if steps:
                self._lost.setdefault(steps[:-1], set()).add(steps[-1])
            self._torn.update(steps[:end] for end in range(len(steps) + 1))

    def is_included(self, steps: Steps) -> bool:
        """Whether these are steps in another document."""
        return bool(steps) and steps[0] in self._included

    def misfit(self, name: str, value: Value) -> str | None:
        """Why this value cannot be given to a declared field; None where it can, as far as is known before it runs."""
        try:
            stored = fit(self.fields[name], value)
        except ValueError as error:
            return f"field '{name}': {error}"
        check = self.definition.fields[name].check
        if check is not None and self.language.refuses(check, stored):
            return f"the value of field '{name}' does not pass its check `{check}`"
        return None

    def problem(
        self,
        code: str,
        message: str,
        steps: Steps = (),
        *,
        key: bool = False,
        hint: str = "",
        severity: Severity = "error",
    ) -> Problem:
        """A problem of the part at `steps`, of this document or of an included one."""
        if severity == "warning" and not self.warned:
            return Problem(self.document.path, 1, 1, code, severity, message, hint)
        document, below = self.home(steps)
        return document.problem(code, message, below, key=key, hint=hint, severity=severity)

    def home(self, steps: Steps) -> tuple[Document, Steps]:
        """The document of the file that the part at `steps` is written in, and the steps to it there."""
        document = self._included.get(steps[0]) if steps else None
        return self.document.home(steps) if document is None else document.home(steps[1:])

    def lost(self, *steps: Step) -> set[Step]:
        """The keys at `steps` that could not be read and are missing from the document."""
        return self._lost.get(steps, set())

    def torn(self, *steps: Step) -> bool:
        """Whether something at `steps`, or below, could not be read."""
        return steps in self._torn
