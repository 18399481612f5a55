"""What one node of theirs does, in few words: its verb, its edges in the order in which they are tried, its other ways."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from trellis.loaders.aretw0.files import Theirs

ROLLBACK = "$rollback"
REFUSALS = ("n", "no", "false", "deny")
_CONDITION = re.compile(
    r"\s*(?P<no>not\s+|!\s*)?input\s*==\s*(?P<literal>'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^'\"=&|<>!()]+)\s*"
)
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+")

Tell = Callable[[str], None]


class Edge(msgspec.Struct, frozen=True):
    """A way on. `condition` is as it was written, None without one; `literal` is what the input is compared with."""

    target: str
    condition: str | None = None
    literal: str | None = None
    negated: bool = False


class Call(msgspec.Struct, frozen=True):
    """A call of a tool: of that name, with these arguments, known as `id` where its result is kept."""

    id: str
    name: str
    arguments: dict[str, Any]
    metadata: dict[str, Any]


class Plan(msgspec.Struct):
    """A node of theirs. `ask` is the kind of the question, or ""; `catch` is error code: id, `upon` signal: id."""

    node: Theirs
    text: str
    ask: str = ""
    options: list[str] = msgspec.field(default_factory=list)
    loose: list[str] = msgspec.field(default_factory=list)
    """Options beside which other answers count too."""
    default: Any = None
    timeout: str = ""
    save: str = ""
    do: Call | None = None
    undo: Call | None = None
    edges: list[Edge] = msgspec.field(default_factory=list)
    refused: str = ""
    catch: dict[str, str] = msgspec.field(default_factory=dict)
    upon: dict[str, str] = msgspec.field(default_factory=dict)
    fills: dict[str, Any] = msgspec.field(default_factory=dict)
    required: list[str] = msgspec.field(default_factory=list)
    schema: dict[str, Any] = msgspec.field(default_factory=dict)
    extra: dict[str, Any] = msgspec.field(default_factory=dict)
    """What is kept beside, under `x-` keys."""

    @property
    def covered(self) -> bool:
        """Whether every answer that is taken has a way on."""
        if self.ask != "confirm":
            return self.ask == "choice"
        return all(
            any(edge.literal is not None and (edge.literal.lower() == word) != edge.negated for edge in self.edges)
            or (word == "no" and bool(self.refused))
            for word in ("yes", "no")
        )

    @property
    def targets(self) -> list[str]:
        """Every way on, but for a rollback."""
        ways = [edge.target for edge in self.edges] + [self.refused, *self.catch.values(), *self.upon.values()]
        return [way for way in ways if way and way != ROLLBACK]


def plan(node: Theirs, error_node: str, tell: Tell, fault: Tell) -> Plan:
    """Read a node. `error_node` is where a tool's error leads that nothing else takes, or ""."""
    data = node.data
    made = Plan(node, _content(node, tell), save=str(data.get("save_to", "")))
    made.do = _call(data.get("do") or data.get("tool_call"), data, "do", fault)
    made.undo = _call(data.get("undo"), data, "undo", fault)
    made.edges, labels = _edges(data, fault)
    made.required = [str(key) for key in data.get("required_context", [])]
    made.schema = data.get("context_schema", {})
    made.fills = data.get("default_context", {})
    asks = data.get("wait") is True or data.get("type") == "question" or bool(data.get("input_type")) or bool(labels)
    if made.do and asks:
        fault("it has both `do` and a question: make two nodes of it")
    if data.get("type") == "tool" and not made.do:
        fault("it is of type tool and has no `do`")
    if made.save == "sys" or made.save.startswith("sys."):
        fault(f"`save_to: {made.save}`: sys is theirs and cannot be written: choose another name")
    if asks:
        _question(made, labels, tell)
    _ways(made, error_node, tell, fault)
    if made.undo and not (made.do or made.ask):
        tell("`undo` of a node that only says something: there is nothing to take back, and it is left out")
        made.undo = None
    if data.get("metadata") and not (made.do or made.undo):
        tell("`metadata` is kept as x-metadata; nothing reads it")
        made.extra["x-metadata"] = data["metadata"]
    if data.get("tools"):
        tell("`tools`, a catalogue for language models, is kept as x-tools; nothing reads it")
        made.extra["x-tools"] = data["tools"]
    return made


def _content(node: Theirs, tell: Tell) -> str:
    messages = node.data.get("messages")
    if node.data.get("type") != "format" or not messages:
        return node.content
    locale = "en" if "en" in messages else next(iter(messages))
    if len(messages) > 1 or locale != "en":
        tell(f"`messages`: the text of '{locale}' is taken; the others are left out")
    items = messages[locale]
    if isinstance(items, str):
        return items
    said = (
        [item for item in items if isinstance(item, dict) and not item.get("condition")]
        if isinstance(items, list)
        else []
    )
    if not isinstance(items, list) or len(said) < len(items):
        tell("`messages` with a condition were never shown, and are left out")
    return "".join(str(item.get("text", "")) for item in said) or node.content


def _call(value: Any, data: dict[str, Any], key: str, fault: Tell) -> Call | None:
    if not isinstance(value, dict):
        return None
    name = value.get("name")
    if not isinstance(name, str) or not name:
        fault(f"`{key}` has no name of a tool")
        return None
    arguments = value.get("args")
    metadata = {**(value.get("metadata") or {}), **(data.get("metadata") or {})}
    return Call(str(value.get("id") or name), name, arguments if isinstance(arguments, dict) else {}, metadata)


def _edges(data: dict[str, Any], fault: Tell) -> tuple[list[Edge], list[str]]:
    """The edges: options, transitions, `to`; and the labels of the options."""
    edges, labels = [], []
    for key in ("options", "transitions"):
        for item in data.get(key, []):
            if not isinstance(item, dict):
                fault(f"`{key}` is a list of maps such as {{text: Yes, to: node}}, found {item!r}")
                continue
            text = item.get("text")
            if key == "options" and text is not None:
                labels.append(str(text))
            target = item.get("to") or item.get("to_node_id") or item.get("jump_to")
            if target:
                edges.append(_edge(str(target), item.get("condition"), text))
            elif key == "transitions":
                fault("a transition leads nowhere: give it `to`")
    if data.get("to"):
        edges.append(_edge(data["to"], None, None))
    return edges, labels


def _edge(target: str, condition: Any, text: Any) -> Edge:
    target = _target(target)
    if condition is not None and str(condition).strip():
        match = _CONDITION.fullmatch(str(condition))
        if match is None:
            return Edge(target, str(condition))
        literal = match["literal"].strip()
        if literal[:1] in ("'", '"'):
            literal = re.sub(r"\\(.)", r"\1", literal[1:-1])
        return Edge(target, str(condition), literal.strip(), bool(match["no"]))
    return Edge(target) if text is None else Edge(target, f"input == {str(text)!r}", str(text).strip())


def _target(target: Any) -> str:
    return ROLLBACK if str(target).strip().lower() == "rollback" else str(target)


def _question(made: Plan, labels: list[str], tell: Tell) -> None:
    data = made.node.data
    kind = str(data.get("input_type") or ("choice" if labels else "text")).lower()
    options = [str(option) for option in data.get("input_options", [])] or labels
    default = data.get("input_default")
    if kind not in ("text", "confirm", "choice", "int"):
        tell(f"`input_type: {kind}` was asked as a text, and is")
        kind = "text"
    compared = [edge.literal for edge in made.edges if edge.literal is not None and not edge.negated]
    open_end = any(edge.condition is None or edge.negated for edge in made.edges)
    if kind in ("text", "choice") and compared and not open_end:
        # Only what leads somewhere is taken; they asked again, after showing the text again.
        known = {option.strip().lower(): option for option in options}
        options = [known.get(literal.lower(), literal) for literal in compared] + list(REFUSALS) * bool(
            data.get("on_denied")
        )
        kind = "choice"
    elif kind == "choice" and (compared or not options):
        kind = "text"
        if options:
            tell(f"the options {', '.join(options)} are not the only answers: others take the way without a condition")
            made.loose = options
            made.extra["x-options"] = options
    made.ask = kind
    made.options = (
        list({option.strip().lower(): option for option in reversed(options)}.values())[::-1]
        if kind == "choice"
        else []
    )
    made.default = _default(made, default, tell)


def _default(made: Plan, given: Any, tell: Tell) -> Any:
    """The answer that an empty one stands for."""
    if made.ask == "confirm":
        return str(given).strip().lower() not in ("n", "no", "false", "0") if given is not None else True
    if given is None:
        return None
    text = {True: "true", False: "false"}.get(given, str(given)) if isinstance(given, bool) else str(given)
    if made.ask == "int":
        if re.fullmatch(r"\s*[+-]?\d{1,18}\s*", text):
            return int(text)
    elif made.ask == "choice":
        match = next((option for option in made.options if option.strip().lower() == text.strip().lower()), None)
        if match is not None:
            return match
    else:
        return text
    tell(f"`input_default: {text}` fits no answer and is left out")
    return None


def _ways(made: Plan, error_node: str, tell: Tell, fault: Tell) -> None:
    data = made.node.data
    signals = {str(name): str(to) for name, to in data.get("on_signal", {}).items() if to}
    for key, name in (("on_timeout", "timeout"), ("on_interrupt", "interrupt")):
        if data.get(key):
            signals[name] = data[key]
    timeout = data.get("timeout")
    if timeout and not made.ask:
        tell("`timeout` bounds questions alone, and is left out here")
    elif timeout:
        made.timeout = _duration(timeout)
        if not made.timeout:
            fault(f"`timeout: {timeout}` is no duration: write 300ms, 2s or 1h30m")
    if made.timeout and "timeout" in signals:
        made.catch["timeout"] = signals.pop("timeout")
    if made.ask or made.do:
        made.upon = {name: _target(to) for name, to in signals.items()}
    elif signals:
        tell(f"signals ({', '.join(signals)}) never reach a node that does not wait, and are left out")
    denied, failed = (_target(data[key]) if data.get(key) else "" for key in ("on_denied", "on_error"))
    made.refused = denied if made.ask or made.do else ""
    if made.do:
        if denied:
            made.catch["denied"] = denied
        if failed or error_node:
            made.catch["*"] = failed or error_node
    elif failed:
        tell("`on_error` is for tools, and is left out here")


def _duration(text: str) -> str:
    text = text.strip()
    if not _DURATION.fullmatch(text):
        return ""
    if re.search(r"ns|us|µs", text) or re.search(r"\.(?=[a-z])", text):
        return ""
    order = ["h", "m", "s", "ms"]
    parts = re.findall(r"([\d.]+)(ms|[hms])", text)
    places = [order.index(unit) for _, unit in parts]
    return text if places == sorted(set(places)) else ""
