"""The resolved view: what rules read. Every node beside the place it is written at, every name beside what it means."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from trellis.compiler.guesses import Guesses
from trellis.compiler.language import Language
from trellis.model.documents import Document, Step
from trellis.model.graph import Definition, Node
from trellis.model.types import Type

Steps = tuple[Step, ...]

Phase = Literal["enter", "done", "set", "route"]
"""When a text of a node is read: before it acts, after `save`, in `set`, or when it chooses its way on."""


class Text:
    """One expression or template as written, where it stands, when it is read and what it must give (None: anything)."""

    __slots__ = ("kind", "phase", "steps", "text", "wants")

    def __init__(
        self, kind: Literal["expression", "template"], text: str, steps: Steps, phase: Phase, wants: Type | None = None
    ) -> None:
        self.kind, self.text, self.steps, self.phase, self.wants = kind, text, steps, phase, wants


class Reference:
    """A name in the document that should mean a node: `found` is the node's id, or a target that is none."""

    __slots__ = ("found", "name", "region", "steps")

    def __init__(self, name: str, region: str, steps: Steps, found: str | None) -> None:
        self.name, self.region, self.steps, self.found = name, region, steps, found


class Region:
    """The nodes that may name each other: those of the graph (id "") or of one body. `single`: it is one node."""

    __slots__ = ("assumed", "id", "locals", "names", "owner", "single", "start", "steps")

    def __init__(self, id: str, owner: str, steps: Steps, local: frozenset[str], *, single: bool) -> None:
        self.id, self.owner, self.steps, self.locals, self.single = id, owner, steps, local, single
        self.names: dict[str, str] = {}
        """Name as written -> id of the node. Names that could not be read are in it too."""
        self.start = ""
        self.assumed = False
        """Nothing says where to start, and there is more than one node."""


class Site:
    """One node: as lowered, as written (`data` at `steps`), in its region, with its texts."""

    __slots__ = ("data", "needs", "node", "region", "steps", "texts")

    def __init__(self, node: Node, data: dict[str, Any], steps: Steps, region: Region, texts: list[Text]) -> None:
        self.node, self.data, self.steps, self.region, self.texts = node, data, steps, region, texts
        self.needs = [
            Text("expression", name, (*steps, "needs", place), "enter")
            for place, name in enumerate(data.get("needs", ()))
        ]
        """Each field that must be set on every path to here, as a text that reads it."""

    @property
    def shown(self) -> str:
        """The node as messages name it."""
        return f"'{self.node.id}'"


class Unset:
    """A text that reads a field which nothing has written on `path` (node ids; empty where none was looked for)."""

    __slots__ = ("path", "site", "text")

    def __init__(self, site: Site, text: Text, path: list[str]) -> None:
        self.site, self.text, self.path = site, text, path


class View:
    """One document, resolved and lowered. Rules read it; nothing is changed in it once it is made."""

    __slots__ = (
        "_lost", "_torn", "definition", "document", "fields", "guesses", "language", "references", "regions", "sites", "texts",
        "tools", "unproved", "unset",
    )  # fmt: skip

    def __init__(self, document: Document, pruned: Collection[Steps], tools: Collection[str] | None) -> None:
        self.document = document
        self._lost: dict[Steps, set[Step]] = {}
        self._torn: set[Steps] = set()
        for steps in pruned:
            if steps:
                self._lost.setdefault(steps[:-1], set()).add(steps[-1])
            self._torn.update(steps[:end] for end in range(len(steps) + 1))
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
        """Texts outside nodes: the checks of fields, the words of tools."""
        self.guesses = Guesses()
        self.language = Language()
        self.unset: dict[str, Unset] = {}
        """The fields that a run needs at start, and who reads each first."""
        self.unproved: list[Unset] = []
        """The fields that a node says it needs, and that some path does not write."""

    def lost(self, *steps: Step) -> set[Step]:
        """The keys at `steps` that could not be read and are missing from the document."""
        return self._lost.get(steps, set())

    def torn(self, *steps: Step) -> bool:
        """Whether something at `steps`, or below, could not be read."""
        return steps in self._torn
