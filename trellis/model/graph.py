"""The compiled graph: data with an address, trusted by everyone who reads it.

A definition holds no closures and no places in files, only names, texts of expressions and numbers, so that
equal graphs have equal hashes whatever their formatting. Durations are seconds.

Node ids are static paths: `checks` at the root, `checks.http` for a branch whose body is one node,
`checks.http.fetch` inside a branch that has nodes of its own, `fan[]` for the body of an `each`
(`fan[].fetch` inside one with nodes). At run time `[]` becomes the index of the item: `fan[3]`.
A body that `catch`, `upon` or `upon.states` of a node holds is a node beside it: `build~timeout`, `build@fault`,
`build%Down`, and of the graph `~timeout`; inside one with nodes there is `build~timeout.first`.
A region is the id of the body it belongs to; the root region is the empty text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from trellis.model.durations import format_duration
from trellis.model.folders import beside
from trellis.model.saying import Saying
from trellis.model.states import DeclaredState
from trellis.model.values import Value, digest

FORMAT = 1
"""The version of the compiled form. A definition of another version is compiled anew from its text."""

END, FAIL, ROLLBACK = "$end", "$fail", "$rollback"
TARGETS = (END, FAIL, ROLLBACK)
"""Targets that are no nodes; names cannot collide with them."""

CAUGHT, SIGNALLED, BECOME = "~", "@", "%"
"""What joins a node, and the error, signal or state of it that a body is for, in the id of that."""

Verb = Literal["say", "ask", "do", "all", "race", "each", "use", "wait", "emit", "end", "pass"]
AskKind = Literal["text", "choice", "confirm", "int", "number", "secret", "multi", "date", "form", "approve"]
EndStatus = Literal["ok", "failed", "cancelled"]
Overlap = Literal["skip", "queue", "allow", "cancel"]
Effect = Literal["pure", "idempotent", "transactional", "at_most_once"]


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """One way on: `to` a node of the same region or one of TARGETS, taken when `when` holds (None: always)."""

    to: str
    when: str | None = None
    undo: bool = False
    """Undo first what completed since the last visit of `to`."""


class Retry(msgspec.Struct, frozen=True, omit_defaults=True):
    """When a failed attempt is tried again. Temporal's policy fields; intervals in seconds.

    The wait before attempt n+1 is initial_interval * backoff_coefficient ** (n-1), at most `max_interval`,
    spread by a part of ±`jitter`.
    """

    max_attempts: int = 0
    """0 is unlimited (then the node has a deadline)."""
    initial_interval: float = 1.0
    backoff_coefficient: float = 2.0
    max_interval: float | None = None
    """None is 100 times `initial_interval`."""
    jitter: float = 0.0
    non_retryable: tuple[str, ...] = ()


class Call(msgspec.Struct, frozen=True, omit_defaults=True):
    """A tool and the arguments to call it with; texts in `args` may hold `{{ }}`."""

    tool: str
    """A name, or a template when `allow` names what it may give."""
    args: dict[str, Value] = {}
    allow: tuple[str, ...] = ()


class Use(msgspec.Struct, frozen=True, omit_defaults=True, rename={"fields": "with"}):
    """Another graph, as `uses` names it, and the start values of its run; `path` is that of its file from this one's."""

    graph: str
    path: str
    fields: dict[str, Value] = {}


class Undo(msgspec.Struct, frozen=True, omit_defaults=True):
    """What takes back a completed node. `args` are evaluated when the node completes."""

    call: Call
    retry: Retry | None = None
    timeout: float | None = None


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question whose answer goes to `field`; that of a form, whose own is empty, to the fields of its parts."""

    kind: AskKind
    field: str
    options: tuple[Value, ...] = ()
    default: Value = None
    """Taken for an empty answer; None: an empty answer is asked again."""
    by: tuple[str, ...] = ()
    """Of an approval: who may give it; empty is anybody."""
    quorum: int = 1
    """Of an approval: how many have to approve. One who does not decides alone."""
    form: tuple[Ask, ...] = ()
    """The questions that a form asks as one."""
    lines: bool = False
    """Of a text: it may have several lines."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that the answer goes to."""
        return tuple(part.field for part in self.form) if self.form else (self.field,)


class Remind(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is done again and again while a node waits: a call, or a text that is said. At most `max` times (0: no end)."""

    every: float
    call: Call | None = None
    say: Saying | None = None
    max: int = 0


class Escalation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happens once nobody has decided for so long: others may approve too, and a call is made or a text said."""

    after: float
    """Seconds since the question was asked."""
    by: tuple[str, ...] = ()
    call: Call | None = None
    say: Saying | None = None


class Join(msgspec.Struct, frozen=True, omit_defaults=True):
    """When branches or items are enough: `all`, `count` of them, or `collect`. That of a `race` is a count of 1."""

    mode: Literal["all", "count", "collect"] = "all"
    count: int = 1
    """How many must succeed in mode `count` (`any` is 1)."""


class Each(msgspec.Struct, frozen=True, omit_defaults=True, rename={"item": "as", "items": "in"}):
    """One body for every item of the list that the expression `items` gives; at most `max` at once (0: all)."""

    items: str
    item: str = "item"
    max: int = 0


class Body(msgspec.Struct, frozen=True, omit_defaults=True):
    """A region of its own: `name` ("" for that of an `each` or of a handler), and the id of the node it starts at."""

    name: str
    region: str
    start: str


class Wait(msgspec.Struct, frozen=True, omit_defaults=True, rename={"condition": "if"}):
    """What a node waits for, one of these."""

    states: tuple[str, ...] = ()
    """All of them are active."""
    signal: str = ""
    """The signal is there; what it carries is what the node gives."""
    time: float | None = None
    """So many seconds have passed."""
    until: str | None = None
    """The moment has come that this text gives."""
    condition: str | None = None
    """The expression holds."""

    @property
    def timed(self) -> bool:
        """Whether a timer ends it."""
        return self.time is not None or self.until is not None

    @property
    def shown(self) -> str:
        """What is waited for, in a few words."""
        if self.signal:
            return f"signal {self.signal}"
        if self.time is not None:
            return format_duration(self.time)
        if self.condition is not None:
            return f"`{self.condition}`"
        return ", ".join(self.states) if self.until is None else f"until {self.until}"


class Emission(msgspec.Struct, frozen=True, omit_defaults=True, rename={"data": "with"}):
    """A signal that a node sends to another run; texts in `data` may hold `{{ }}`."""

    signal: str
    to: str
    """The id of the run, or a template that gives it."""
    data: dict[str, Value] = {}


class End(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the run ends, and the expression that gives its result (None: no result)."""

    status: EndStatus = "ok"
    result: str | None = None


class Node(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node. `verb` says which of the optional parts acts; `say` may go with another verb."""

    id: str
    verb: Verb
    region: str = ""
    say: Saying | None = None
    ask: Ask | None = None
    do: Call | None = None
    use: Use | None = None
    bodies: tuple[Body, ...] = ()
    each: Each | None = None
    join: Join | None = None
    wait: Wait | None = None
    emit: Emission | None = None
    end: End | None = None
    save: str | None = None
    set: dict[str, str] = {}
    """Field -> expression, all evaluated on the fields as they were before."""
    adds: tuple[str, ...] = ()
    """Declared states that the move out of this node adds."""
    removes: tuple[str, ...] = ()
    """Declared states that it removes."""
    to: tuple[Edge, ...] = ()
    """Empty in the only node of a body: the body ends with it."""
    catch: dict[str, str] = {}
    upon: dict[str, str] = {}
    upon_states: dict[str, str] = {}
    """Declared state -> target, taken when it becomes active, or is when the node is entered."""
    retry: Retry | None = None
    timeout: float | None = None
    deadline: float | None = None
    undo: Undo | None = None
    commit: bool = False
    heartbeat: float | None = None
    """Within so many seconds an attempt has to beat, again and again."""
    remind: Remind | None = None
    escalate: tuple[Escalation, ...] = ()
    """Of an approval, in the order of `after`."""

    @property
    def notices(self) -> tuple[Remind | Escalation, ...]:
        """What is done beside it while it waits for somebody."""
        return self.escalate if self.remind is None else (self.remind, *self.escalate)


class Field(msgspec.Struct, frozen=True, omit_defaults=True):
    """One typed field. `type` is as written: "string", ["string"], {"id": "string"} (see model.types)."""

    type: Value
    optional: bool = False
    default: Value = None
    enum: tuple[Value, ...] = ()
    check: str | None = None
    """An expression over `value` that must hold for every write."""
    secret: bool = False
    index: bool = False
    source: str | None = None
    """`env:NAME`: where a secret is read from."""
    merge: Literal["sum", "append", "union", "max", "last"] | None = None
    """How writes of parallel branches join; None is the last write, in journal order."""


class Signal(msgspec.Struct, frozen=True, omit_defaults=True):
    """A declared signal: the types of what it carries, and how many may wait for a taker."""

    data: dict[str, Value] = {}
    buffer: int = 0


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name for code. `python`: "module:function"; `process`: the words of a command line, texts with `{{ args.x }}`."""

    kind: Literal["python", "process"]
    python: str = ""
    process: tuple[str, ...] = ()
    env: dict[str, str] = {}
    timeout: float | None = None
    """Seconds that one attempt may take at most; a node that names less ends it sooner."""
    effect: Effect = "idempotent"
    confirm: str = ""
    """What a call of it does, for whoever is asked whether it may be made: a text with `{{ args.x }}`."""


class Schedule(msgspec.Struct, frozen=True, omit_defaults=True, rename={"fields": "with"}):
    """When runs of the graph are started by themselves: by exactly one of `cron`, `every` and `calendar`.

    Wall times are those of `zone`. Durations in seconds.
    """

    cron: str = ""
    every: float | None = None
    calendar: dict[str, tuple[int, ...]] | None = None
    """Part of a moment -> the numbers that fit, sorted; a day of -1 is the last of its month, a weekday of 0 is Monday."""
    zone: str = "UTC"
    overlap: Overlap = "skip"
    """What becomes of a firing while a run of an earlier one is open."""
    catch_up: float = 3600.0
    """How late a firing may be that no worker was there for."""
    jitter: float = 0.0
    """Each firing is due by a part of it later."""
    fields: dict[str, Value] = {}
    """The start values of its runs."""


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a run may use.

    `steps`: moves that one turn may make; `visits`: entries of one node in a run (0: unlimited); `time`: seconds from its
    start (None: unlimited); `open`: calls and questions at once; `value`: bytes of one value as JSON; `journal`: bytes of
    all its events; `depth`: runs that may be above one that a node starts.
    """

    steps: int = 1000
    visits: int = 0
    time: float | None = None
    open: int = 10_000
    value: int = 1_000_000
    journal: int = 1_000_000_000
    depth: int = 20


class Migrate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the names of an earlier version: name there -> name here."""

    nodes: dict[str, str] = {}
    """Ids of nodes, or of bodies with nodes of their own; with a name, all names inside it change."""
    fields: dict[str, str] = {}


class Definition(msgspec.Struct, frozen=True, omit_defaults=True):
    """All that a run needs to know of its graph."""

    name: str
    start: str
    nodes: dict[str, Node]
    format: int = FORMAT
    label: str = ""
    """The author's `version:`, for people."""
    fields: dict[str, Field] = {}
    signals: dict[str, Signal] = {}
    tools: dict[str, Tool] = {}
    catch: dict[str, str] = {}
    upon: dict[str, str] = {}
    upon_states: dict[str, str] = {}
    states: dict[str, DeclaredState] = {}
    """Every declared state, cleaned of nothing; their order is the index order of the resolver."""
    groups: dict[str, tuple[str, ...]] = {}
    limits: Limits = Limits()
    needs: tuple[str, ...] = ()
    """Fields that some path reads before any write: they are given at start."""
    migrate: Migrate = Migrate()
    schedules: dict[str, Schedule] = {}
    """When runs are started by themselves; no part of the hash, for a run does the same whoever starts it."""
    uses: dict[str, Definition] = {}
    """Every graph that a run may come to use, at any depth: path from the project's root -> it, with empty `uses`."""


def static_id(path: str) -> str:
    """The id in the definition of the node at a run's `path`: `fan[3].fetch` is `fan[].fetch`."""
    return _INDEX.sub("[]", path) if "[" in path else path


_INDEX = re.compile(r"\[\d+\]")
_decoder = msgspec.json.Decoder(Definition)
_BY_NAME = ("nodes", "fields", "signals", "tools", "groups", "catch", "upon", "uses")
"""What is looked up by name and never gone through, so that its order means nothing."""


def _address(definition: Definition) -> str:
    """The hash: two definitions have the same one when every run of them does the same.

    All other order counts: of rival auto states the first comes, of two `upon_states` the first is taken, of two
    writes the first says why the move fails, and an expression may ask for the keys of a map.
    """
    return digest(msgspec.json.encode(_in_order(definition)))


def _in_order(definition: Definition) -> Definition:
    """The definition without what the hash forgets."""
    named = {name: _by_name(getattr(definition, name)) for name in _BY_NAME}
    named["nodes"] = {name: _node(node) for name, node in named["nodes"].items()}
    if named["uses"]:
        named["uses"] = {path: _in_order(used) for path, used in named["uses"].items()}
    migrate = Migrate(_by_name(definition.migrate.nodes), _by_name(definition.migrate.fields))
    return msgspec.structs.replace(definition, migrate=migrate, schedules={}, **named)


def _node(node: Node) -> Node:
    if len(node.catch) < 2 and len(node.upon) < 2:
        return node
    return msgspec.structs.replace(node, catch=_by_name(node.catch), upon=_by_name(node.upon))


def _by_name(mapping: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(mapping.items())) if len(mapping) > 1 else mapping


def reached_by(definition: Definition, table: Mapping[str, Definition]) -> dict[str, Definition]:
    """The part of a table of used graphs that a graph may come to use, at any depth."""
    reached: dict[str, Definition] = {}
    waiting = [definition]
    while waiting:
        for node in waiting.pop().nodes.values():
            if node.use is not None and node.use.graph not in reached:
                waiting.append(table[node.use.graph])
                reached[node.use.graph] = table[node.use.graph]
    return reached


class Graph:
    """A definition, its hash, and room for what readers derive from it.

    The hash forgets the order in which nodes, fields and other things with names were written down, though drawings and
    lists keep it; it knows every order that decides what a run does. Graphs are equal when their hashes are. `memo` belongs to whoever
    links the graph (the engine keeps its closures there); it never changes what the graph means.
    """

    __slots__ = ("_data", "definition", "hash", "memo", "source")

    def __init__(self, definition: Definition, *, source: str = "") -> None:
        self.definition = definition
        self._data: bytes | None = None
        self.hash = _address(definition)
        self.memo: dict[str, Any] = {}
        self.source = source
        """Where it was read from, for people and for the working directory of its tools; no part of the hash. A folder's ends with `/`."""

    @classmethod
    def decode(cls, data: bytes, hash: str, *, source: str = "") -> Graph:
        """The graph that `data` was of, kept under `hash`. Raises ValueError for other bytes, or another format.

        That data and hash belong together is the affair of who kept them; it is not computed again.
        """
        try:
            definition = _decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ValueError(f"not a compiled graph: {error}") from error
        if definition.format != FORMAT:
            raise ValueError(f"compiled graph of format {definition.format}, this version knows {FORMAT}")
        graph = cls.__new__(cls)
        graph.definition, graph._data, graph.hash, graph.memo, graph.source = definition, data, hash, {}, source
        return graph

    @property
    def data(self) -> bytes:
        """The definition as stores and caches keep it: JSON, in the author's order."""
        if self._data is None:
            self._data = msgspec.json.encode(self.definition)
        return self._data

    @property
    def name(self) -> str:
        return self.definition.name

    def used(self, use: Use) -> Graph:
        """The graph that a node of this one uses, as it would be had its file been loaded alone."""
        graph: Graph | None = self.memo.get(f"use {use.graph} {use.path}")
        if graph is None:
            table = self.definition.uses
            definition = table[use.graph]
            reached = reached_by(definition, table)
            source = beside(self.source, use.path) if self.source else ""
            graph = Graph(msgspec.structs.replace(definition, uses=reached), source=source)
            self.memo[f"use {use.graph} {use.path}"] = graph
        return graph

    def all_used(self) -> list[Graph]:
        """Every other graph that a run of this one may come to use, at any depth."""
        found: list[Graph] = [self]
        for graph in found:
            for node in graph.definition.nodes.values():
                if node.use is not None and (used := graph.used(node.use)) not in found:
                    found.append(used)
        return found[1:]

    @property
    def tools_called(self) -> Iterator[str]:
        """Every tool name that some node may call, also beside its work or to take it back, with repetitions, in document order."""
        for node in self.definition.nodes.values():
            for call in (node.do, node.undo.call if node.undo else None, *(each.call for each in node.notices)):
                if call is not None:
                    yield from call.allow or (call.tool,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Graph) and self.hash == other.hash

    def __hash__(self) -> int:
        return hash(self.hash)

    def __repr__(self) -> str:
        return f"Graph({self.name!r}, {len(self.definition.nodes)} nodes, {self.hash[:12]})"
