"""Which names the texts of a node read, by the time at which they do; `default(name, …)` does not count as reading."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trellis.model.graph import Call, Definition, Node
from trellis.model.saying import conditions, texts
from trellis.model.values import Value


class Reads:
    """What one node reads: as it is entered, once its work is done, and once `set` has been evaluated."""

    __slots__ = ("done", "enter", "route")

    def __init__(self, node: Node, definition: Definition) -> None:
        self.enter = {
            *(name for part in (node, *node.notices) for text in texts(part.say) for name in _template(text)),
            *(name for part in (node, *node.notices) for text in conditions(part.say) for name in _expression(text)),
            *(name for call in (node.do, *(each.call for each in node.notices)) for name in _call(call)),
            *(_value(node.use.fields) if node.use is not None else ()),
            *(_expression(node.each.items) if node.each is not None else ()),
            *(_template(node.wait.until) if node.wait is not None else ()),
            *({*_template(node.emit.to), *_value(node.emit.data)} if node.emit is not None else ()),
        }
        self.done = {
            *undo_reads(node),
            *(name for text in node.set.values() for name in _expression(text)),
            *(_expression(node.wait.condition) if node.wait is not None else ()),  # read until it holds
        }
        for name in written(node):
            field = definition.fields.get(name)
            if field is not None:
                self.done.update(_expression(field.check) - {"value"})
        self.route = {name for edge in node.to for name in _expression(edge.when)}
        if node.end is not None:
            self.route |= _expression(node.end.result)
        self.route |= guard_reads(definition, node.adds, node.removes)

    @property
    def every(self) -> set[str]:
        return self.enter | self.done | self.route


def undo_reads(node: Node) -> set[str]:
    """What is read to keep how the node is taken back."""
    return _call(node.undo.call) if node.undo is not None else set()


def written(node: Node) -> Iterator[str]:
    """The fields that a node writes itself."""
    if node.ask is not None:
        yield from node.ask.fields
    if node.save is not None:
        yield node.save
    yield from node.set


def brought(definition: Definition, names: Iterable[str]) -> list[str]:
    """These states and those that they bring, and so on."""
    found = dict.fromkeys(names)
    waiting = list(found)
    while waiting:
        state = definition.states.get(waiting.pop())
        for name in state.add if state is not None else ():
            if name not in found:
                found[name] = None
                waiting.append(name)
    return list(found)


def guard_reads(definition: Definition, adds: Iterable[str], removes: Iterable[str]) -> set[str]:
    """What the guards read that may refuse such a change."""
    coming = [definition.states[name] for name in brought(definition, adds) if name in definition.states]
    going = [*coming, *(definition.states[name] for name in removes if name in definition.states)]
    texts = [*(state.enter_if for state in coming), *(state.exit_if for state in going)]
    return {name for text in texts for name in _expression(text)}


def _call(call: Call | None) -> set[str]:
    return set() if call is None else _template(call.tool) | _value(call.args)


def _value(value: Value) -> set[str]:
    if isinstance(value, str):
        return _template(value)
    if isinstance(value, dict):
        value = list(value.values())
    return {name for part in value for name in _value(part)} if isinstance(value, list) else set()


def _template(text: str | None) -> set[str]:
    if text is None or "{{" not in text:
        return set()
    from trellis.expr.template import compile_template

    return set(compile_template(text).names)


def _expression(text: str | None) -> set[str]:
    if text is None:
        return set()
    from trellis.expr.expression import compile_expression

    return set(compile_expression(text).names)
