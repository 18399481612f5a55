"""What a write to a field must pass: its type, then its check; in a branch it joins with what is there."""

from __future__ import annotations

from trellis.engine.limits import too_large
from trellis.engine.program import LinkedField, Say
from trellis.engine.state import NOTHING, Setting, Token
from trellis.engine.turn import Turn
from trellis.errors import ExpressionError
from trellis.model.secrets import mask
from trellis.model.values import Value, canonical


class Fault(Exception):
    """A node cannot go on. `code` is what `catch` takes; raised and routed within one turn."""

    def __init__(self, code: str, message: str) -> None:
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


def fitted(turn: Turn, token: Token | None, name: str, value: Value, ahead: Setting = NOTHING) -> Value:
    """The value as the field stores it. Raises Fault `invalid` where its type or its check says no.

    `ahead` is what the same move sets besides; it counts as written.
    """
    linked = turn.program.fields[name]
    fields = turn.fields if ahead is NOTHING else {**turn.fields, **ahead.fields}
    try:
        stored = linked.fit(value)
        if token is not None and token.parent and linked.field.merge is not None:
            stored = linked.fit(_merged(linked, fields.get(name), stored))
    except ValueError as error:
        raise Fault("invalid", f"field '{name}': {error}") from error
    reason = too_large(turn.program, stored)
    if reason:
        raise Fault("value_limit", f"field '{name}' {reason}")
    reason = failed_check(linked, stored, fields)
    if reason:
        raise Fault("invalid", f"field '{name}': {reason}")
    return stored


def failed_check(linked: LinkedField, value: Value, fields: dict[str, Value]) -> str:
    """Why the field's check refuses `value`; empty where it does not."""
    if linked.check is None or (value is None and linked.field.optional):
        return ""
    try:
        holds = linked.check({**fields, "value": value})
    except ExpressionError as error:
        return str(error)
    return "" if holds else f"{_shown(value)} does not pass its check `{linked.field.check}`"


def scope(turn: Turn, token: Token, ahead: Setting = NOTHING) -> dict[str, Value]:
    """The names that the texts of this visit read: the fields, those of `ahead` as it sets them, and what is local."""
    if ahead is not NOTHING:
        return {**turn.fields, **ahead.fields, **token.locals}
    return {**turn.fields, **token.locals} if token.locals else turn.fields


def said(say: Say, turn: Turn, token: Token) -> str | None:
    """What a text comes to in the language of the run, as people may see it; None where no part of it holds."""
    text = say(scope(turn, token), turn.before.locale)
    return None if text is None else str(mask(text))


def _merged(linked: LinkedField, before: Value, value: Value) -> Value:
    if before is None:
        return value
    try:
        match linked.field.merge:
            case "sum":
                return before + value  # type: ignore[operator]
            case "max":
                return max(before, value)  # type: ignore[type-var]
            case "append":
                return [*before, *value]  # type: ignore[misc]
            case "union":
                return [*before, *(item for item in value if item not in before)]  # type: ignore[misc, operator, union-attr]
    except TypeError as error:
        raise Fault("invalid", f"field '{linked.name}': cannot {linked.field.merge} these values") from error
    return value


def _shown(value: Value) -> str:
    text = repr(value) if isinstance(value, str | int | float) else canonical(value).decode()
    return text if len(text) <= 80 else text[:77] + "..."
