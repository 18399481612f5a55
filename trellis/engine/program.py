"""A graph made ready to run: every text compiled to a closure once, at its first use.

Linking is the only place where the engine meets the expression language. The program lives in `Graph.memo`, so all
runs of a graph share it; it holds nothing of any run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trellis.errors import ExpressionError
from trellis.model.graph import Call, Definition, Field, Graph, Node
from trellis.model.saying import Saying, best
from trellis.model.types import Type, fitter, parse_type
from trellis.model.values import Value, has_template

if TYPE_CHECKING:
    from trellis.engine.declared import Declared

Scope = Mapping[str, Value]
Evaluate = Callable[[Scope], Value]
Say = Callable[[Scope, str], str | None]


class LinkedEdge:
    """One way on, its condition compiled (None: always)."""

    __slots__ = ("to", "undo", "when")

    def __init__(self, to: str, when: Evaluate | None, undo: bool) -> None:
        self.to, self.when, self.undo = to, when, undo


class LinkedField:
    """One field, with what fits a value to its type and what checks it."""

    __slots__ = ("check", "field", "fit", "name", "type")

    def __init__(self, name: str, field: Field, program: Program) -> None:
        self.name, self.field = name, field
        self.type: Type = parse_type(field.type, enum=field.enum or None, optional=field.optional)
        self.fit = fitter(self.type)
        self.check = program.expression(field.check) if field.check is not None else None


class LinkedNotice:
    """What is called or said beside a node that waits."""

    __slots__ = ("args", "call", "say", "tool")

    def __init__(self, call: Call | None, say: Saying | None, program: Program) -> None:
        self.call = call
        self.tool = program.template(call.tool) if call and "{{" in call.tool else None
        self.args = program.value(call.args) if call else None
        self.say = program.saying(say) if say is not None else None


class LinkedNode:
    """One node with its texts compiled."""

    __slots__ = (
        "args", "asks", "data", "edges", "escalate", "fields", "holds", "items", "node", "reacts", "remembered", "remind", "result",
        "say",
        "set", "sets", "simple_to", "takes", "timed", "to", "tool", "undo_args", "undo_tool", "until",
    )  # fmt: skip

    def __init__(self, node: Node, program: Program) -> None:
        self.node = node
        self.say = program.saying(node.say) if node.say is not None else None
        self.tool = program.template(node.do.tool) if node.do and "{{" in node.do.tool else None
        self.args = program.value(node.do.args) if node.do else None
        self.fields = program.value(node.use.fields) if node.use else None
        self.undo_tool = program.template(node.undo.call.tool) if node.undo and "{{" in node.undo.call.tool else None
        self.undo_args = program.value(node.undo.call.args) if node.undo else None
        self.items = program.expression(node.each.items) if node.each else None
        self.result = program.expression(node.end.result) if node.end and node.end.result is not None else None
        self.set = [(field, program.expression(text)) for field, text in node.set.items()]
        self.sets = bool(node.set or node.adds or node.removes)
        self.edges = [
            LinkedEdge(edge.to, None if edge.when is None else program.expression(edge.when), edge.undo)
            for edge in node.to
        ]
        first = self.edges[0] if self.edges else None
        self.simple_to = first.to if first is not None and first.when is None and not first.undo else None
        self.remind = LinkedNotice(node.remind.call, node.remind.say, program) if node.remind else None
        self.escalate = [LinkedNotice(step.call, step.say, program) for step in node.escalate]
        waits = node.remind is not None or node.escalate
        self.timed = bool(node.timeout is not None or node.deadline is not None or waits)
        self.remembered = node.id in program.marked
        self.to = program.template(node.emit.to) if node.emit else None
        self.data = program.value(node.emit.data) if node.emit else None
        wait = node.wait
        self.until = program.template(wait.until) if wait is not None and wait.until is not None else None
        self.holds = program.expression(wait.condition) if wait is not None and wait.condition is not None else None
        self.asks = program.states_in(wait.condition) if wait is not None and wait.condition is not None else ()
        """The declared states that it reads."""
        self.reacts = bool(node.upon_states) or (wait is not None and bool(wait.states or wait.condition))
        self.takes = node.upon if wait is None or not wait.signal else {**node.upon, wait.signal: ""}
        """Signal -> where it leads; the one that the node waits for leads nowhere."""


class Program:
    """The linked nodes and fields of one definition."""

    __slots__ = ("_compiled", "_nodes", "declared", "definition", "fields", "marked", "secrets", "watches")

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self._compiled: dict[tuple[str, str], Evaluate] = {}
        self._nodes: dict[str, LinkedNode] = {}
        self.marked = frozenset(edge.to for node in definition.nodes.values() for edge in node.to if edge.undo)
        self.secrets = frozenset(name for name, field in definition.fields.items() if field.secret)
        self.watches = any(node.wait is not None and node.wait.condition for node in definition.nodes.values())
        """Whether some node waits for what the fields say."""
        self.fields = {name: LinkedField(name, field, self) for name, field in definition.fields.items()}
        self.declared = self._declared() if definition.states else None

    def _declared(self) -> Declared:
        from trellis.engine.declared import Declared  # a graph without states never loads the resolver

        return Declared(self.definition, self.expression)

    def node(self, name: str) -> LinkedNode:
        """The linked node of this static id."""
        linked = self._nodes.get(name)
        if linked is None:
            linked = self._nodes[name] = LinkedNode(self.definition.nodes[name], self)
        return linked

    def expression(self, text: str) -> Evaluate:
        """The closure of an expression. Evaluating it may raise ExpressionError."""
        return self._memo("expression", text)

    def states_in(self, text: str) -> tuple[str, ...]:
        """The declared states that an expression reads; a field of the same name comes first."""
        if self.declared is None:
            return ()
        from trellis.expr.expression import compile_expression

        expression, definition = compile_expression(text), self.definition
        read = expression.names | expression.soft_names
        return tuple(sorted((read & definition.states.keys()) - definition.fields.keys()))

    def template(self, text: str) -> Evaluate:
        """The closure of a text with `{{ }}`."""
        return self._memo("template", text)

    def saying(self, saying: Saying) -> Say:
        """What a node says to the names that it reads and the locale of the run; None where no part of it holds."""
        if isinstance(saying, str):
            if "{{" not in saying:
                return lambda _names, _locale: saying
            say = self.template(saying)
            return lambda names, _locale: _text(say(names), saying)
        if isinstance(saying, dict):
            worded = {tag: self.saying(text) for tag, text in saying.items()}
            return lambda names, locale: worded[best(worded, locale)](names, locale)
        lines = [(None if part.when is None else self.expression(part.when), self.saying(part.say)) for part in saying]

        def say_those(names: Scope, locale: str) -> str | None:
            said = [say(names, locale) for when, say in lines if when is None or when(names)]
            return "\n".join(text for text in said if text is not None) if said else None

        return say_those

    def value(self, data: dict[str, Value]) -> Evaluate | None:
        """The closure of a map whose texts may hold `{{ }}`; None where it holds nothing at all."""
        if not data:
            return None
        if not has_template(data):
            return lambda _scope: data
        from trellis.expr.template import compile_value

        return compile_value(data).evaluate

    def _memo(self, kind: str, text: str) -> Evaluate:
        evaluate = self._compiled.get((kind, text))
        if evaluate is None:
            # A graph without expressions never loads the language.
            compiled: Any
            if kind == "template":
                if "{{" not in text:
                    return lambda _scope: text
                from trellis.expr.template import compile_template

                compiled = compile_template(text)
            else:
                from trellis.expr.expression import compile_expression

                compiled = compile_expression(text)
            evaluate = self._compiled[kind, text] = compiled.evaluate
        return evaluate


def _text(said: Value, template: str) -> str:
    """What is said, as text: a template that is one `{{ }}` alone keeps its type. Raises ExpressionError for null."""
    if isinstance(said, str):
        return said
    if said is None:
        raise ExpressionError(template, "what it would say is not set")
    from trellis.expr.faults import Fault
    from trellis.expr.operators import text_of

    try:
        return text_of(said)
    except Fault as fault:
        raise ExpressionError(template, str(fault)) from None


def program_of(graph: Graph) -> Program:
    """The program of `graph`, linked at the first call."""
    program: Program | None = graph.memo.get("engine")
    if program is None:
        program = graph.memo["engine"] = Program(graph.definition)
    return program
