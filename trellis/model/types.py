"""The types of fields: what fits one, how it is stored, and how a person's typing is read.

A fitted value is the value given, but that `integer` stores a whole float as an integer and a map has every optional
key (null where it was left out). Keys that a map type does not name are kept: a tool may return more than one reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

import msgspec

from trellis.model.durations import parse_duration
from trellis.model.problems import did_you_mean, suggestion
from trellis.model.values import INTEGER_MAX, INTEGER_MIN, Value, reject

SCALARS = ("string", "integer", "number", "boolean", "time", "duration", "any", "approval")
"""Every type that has a name; `[T]` and `{key: T}` are written."""

_OTHER_WORDS = {
    "int": "integer", "long": "integer", "str": "string", "text": "string", "float": "number", "double": "number",
    "decimal": "number", "bool": "boolean", "datetime": "time", "date": "time", "timestamp": "time",
    "timedelta": "duration", "interval": "duration", "json": "any", "secret": "string` with `secret: true",
    "object": "{key: type}", "dict": "{key: type}", "map": "{key: type}", "list": "[type]", "array": "[type]",
}  # fmt: skip


class Type(msgspec.Struct, frozen=True, omit_defaults=True):
    """A type as data. `kind` is one of SCALARS, or `list` (of `item`), or `map` (with `keys`)."""

    kind: str
    item: Type | None = None
    keys: dict[str, Type] | None = None
    optional: bool = False
    """Null fits too."""
    enum: tuple[Value, ...] = ()
    """Where not empty, the only values that fit."""


VERDICTS = ("approve", "reject", "back")
APPROVAL_KEYS = {
    "ok": Type("boolean"),
    "choice": Type("string", enum=VERDICTS),
    "reason": Type("string", optional=True),
    "by": Type("string", optional=True),
    "at": Type("time", optional=True),
}
"""What an `approval` holds."""


class Misfit(ValueError):
    """A value that its type does not take: `steps` lead to the part, `reason` says what was expected and found."""

    def __init__(self, reason: str, steps: tuple[str, ...] = ()) -> None:
        self.reason, self.steps = reason, steps
        place = "".join(steps).removeprefix(".")
        super().__init__(f"at {place}: {reason}" if place else reason)


def parse_type(data: object, enum: Iterable[Value] | None = None, optional: bool = False) -> Type:
    """The type written as `data`: a name, `[T]` or `{key: T}`. Raises ValueError, saying what to write.

    Inside a list or a map, `{type: T, optional: true}` and `{type: T, enum: […]}` say more about one part.
    """
    if isinstance(data, str):
        parsed = Type(data, optional=optional) if data in SCALARS else _unknown_type(data)
    elif isinstance(data, list):
        if len(data) != 1:
            raise ValueError(f"a list type is written [T] with one type in it, found {len(data)}")
        parsed = Type("list", item=_parse_part(data[0], "[]"), optional=optional)
    elif isinstance(data, dict):
        if not data:
            raise ValueError("a map type names its keys, as in {id: string}; `any` takes every map")
        keys: dict[str, Type] = {}
        for key, part in data.items():
            if not isinstance(key, str):
                raise ValueError(f"key {key!r} is no string: quote it")
            keys[key] = _parse_part(part, key)
        parsed = Type("map", keys=keys, optional=optional)
    else:
        raise ValueError(f"expected a type such as string, [string] or {{id: string}}, found {found(data)}")
    options = _parse_enum(parsed, enum)
    return msgspec.structs.replace(parsed, enum=options) if options else parsed


def _parse_part(data: object, key: str) -> Type:
    try:
        if isinstance(data, dict) and "type" in data and data.keys() <= {"type", "optional", "enum"}:
            optional, enum = data.get("optional", False), data.get("enum")
            # Without one of the two it is a map type that has a key called `type`.
            if ("optional" in data and isinstance(optional, bool)) or isinstance(enum, list):
                return parse_type(data["type"], enum, optional)
        return parse_type(data)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _parse_enum(parsed: Type, enum: Iterable[Value] | None) -> tuple[Value, ...]:
    options = () if enum is None else tuple(enum)
    if not options:
        return ()
    if parsed.kind not in ("string", "integer", "number"):
        raise ValueError(f"enum goes with string, integer or number, not with {describe(parsed)}")
    take = fitter(Type(parsed.kind))
    taken: list[Value] = []
    for option in options:
        try:
            value = take(option)
        except ValueError as error:
            raise ValueError(f"enum: {error}") from None
        if value in taken:
            raise ValueError(f"enum: {found(option)} is there twice")
        taken.append(value)
    return tuple(taken)


def _unknown_type(name: str) -> NoReturn:
    known = ", ".join(SCALARS)
    better = _OTHER_WORDS.get(name.strip().lower())
    hint = f"write `{better}`" if better else did_you_mean(name, SCALARS)
    raise ValueError(f"unknown type '{name}'" + (f": {hint}" if hint else f": types are {known}, [T] and {{key: T}}"))


def describe(declared: Type) -> str:
    """The type as one writes it: `string`, `[integer]`, `{id: string, port: integer}`; `?` marks an optional key."""
    if declared.enum:
        return f"{declared.kind} ({', '.join(map(_plain, declared.enum))})"
    if declared.kind == "list":
        return f"[{describe(declared.item) if declared.item else 'any'}]"
    if declared.kind == "map":
        if declared.keys is None:
            return "map"
        return "{" + ", ".join(f"{k}{'?' * t.optional}: {describe(t)}" for k, t in declared.keys.items()) + "}"
    return declared.kind


_KINDS = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "list", dict: "map", type(None): "null",
}  # fmt: skip


def kind_of(value: object) -> str:
    """The kind of a value in our words: string, boolean, integer, number, list, map or null."""
    return _KINDS.get(type(value)) or type(value).__name__


def found(value: object) -> str:
    """A value as messages show it: `string 'x'`, `integer 7`, `null`, `list of 3`; long texts are cut."""
    kind = kind_of(value)
    if isinstance(value, str):
        return f"string {value if len(value) <= 40 else value[:39] + '…'!r}"
    if isinstance(value, bool):
        return f"boolean {'true' if value else 'false'}"
    if isinstance(value, int | float):
        return f"{kind} {value}" if isinstance(value, float) or -(10**40) < value < 10**40 else "integer beyond 64 bits"
    return f"list of {len(value)}" if isinstance(value, list) else kind


def _plain(value: Value) -> str:
    return value if isinstance(value, str) else str(value)


def fit(declared: Type, value: object) -> Value:
    """The value as stored. Raises ValueError("expected integer, found string 'x'"); nothing is changed in place."""
    return fitter(declared)(value)


def fitter(declared: Type) -> Callable[[Any], Value]:
    """`fit` for one type, prepared once for many values."""
    take = _FITTERS[declared.kind](declared)
    if declared.enum:
        take = _fit_enum(take, declared.enum)
    if not declared.optional:
        return take

    def fit_optional(value: Any) -> Value:
        return None if value is None else take(value)

    return fit_optional


def _expected(what: str, value: object) -> Misfit:
    return Misfit(f"expected {what}, found {found(value)}")


def _fit_string(_: Type) -> Callable[[Any], Value]:
    def fit_string(value: Any) -> Value:
        if type(value) is not str:
            raise _expected("string", value)
        reason = reject(value)
        if reason:
            raise Misfit(reason)
        return value

    return fit_string


def _fit_integer(_: Type) -> Callable[[Any], Value]:
    def fit_integer(value: Any) -> Value:
        if type(value) is int:
            if INTEGER_MIN <= value <= INTEGER_MAX:
                return value
            raise Misfit("integer beyond 64 bits")
        if type(value) is float and value.is_integer() and INTEGER_MIN <= value < 2.0**63:
            return int(value)
        raise _expected("integer", value)

    return fit_integer


def _fit_number(_: Type) -> Callable[[Any], Value]:
    def fit_number(value: Any) -> Value:
        if type(value) is not int and type(value) is not float:
            raise _expected("number", value)
        reason = reject(value)
        if reason:
            raise Misfit(reason)
        return value

    return fit_number


def _fit_boolean(_: Type) -> Callable[[Any], Value]:
    def fit_boolean(value: Any) -> Value:
        if type(value) is bool:
            return value
        raise _expected("boolean", value)

    return fit_boolean


def _fit_time(_: Type) -> Callable[[Any], Value]:
    def fit_time(value: Any) -> Value:
        if type(value) is not str:
            raise _expected("time (ISO 8601 text with a zone)", value)
        epoch_seconds(value)
        return value

    return fit_time


def epoch_seconds(text: str) -> float:
    """Seconds since 1970 of an ISO 8601 time with a zone. Raises ValueError, saying what to write."""
    from datetime import datetime  # only graphs that have such a field pay for it

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misfit(f"expected a time such as 2030-01-31T09:30:00Z, found {found(text)}") from None
    if moment.tzinfo is None:
        raise Misfit(f"expected a time with a zone, found {found(text)}: end it with Z or +02:00")
    return moment.timestamp()


def timestamp(seconds: float) -> str:
    """The time so many seconds after 1970 as ISO 8601, UTC, to the millisecond."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fit_duration(_: Type) -> Callable[[Any], Value]:
    def fit_duration(value: Any) -> Value:
        try:
            parse_duration(value)
        except ValueError as error:
            raise Misfit(str(error)) from None
        text: Value = value
        return text

    return fit_duration


def _fit_any(_: Type) -> Callable[[Any], Value]:
    def fit_any(value: Any) -> Value:
        reason = reject(value)
        if reason:
            raise Misfit(reason)
        kept: Value = value
        return kept

    return fit_any


def _fit_list(declared: Type) -> Callable[[Any], Value]:
    take = fitter(declared.item or Type("any"))
    what = describe(declared)

    def fit_list(value: Any) -> Value:
        if type(value) is not list:
            raise _expected(what, value)
        stored: list[Value] | None = None
        for index, part in enumerate(value):
            try:
                kept = take(part)
            except ValueError as error:
                raise _below(f"[{index}]", error) from None
            if kept is not part:
                if stored is None:
                    stored = list(value)
                stored[index] = kept
        return value if stored is None else stored

    return fit_list


def _fit_map(declared: Type) -> Callable[[Any], Value]:
    keys = declared.keys or {}
    takes = [(key, fitter(part), part) for key, part in keys.items()]
    known = frozenset(keys)
    what = describe(declared)

    def fit_map(value: Any) -> Value:
        if type(value) is not dict:
            raise _expected(what, value)
        stored: dict[str, Value] | None = None
        for key, take, part in takes:
            if key in value:
                given = value[key]
                try:
                    kept = take(given)
                except ValueError as error:
                    raise _below(f".{key}", error) from None
                if kept is given:
                    continue
            elif part.optional:
                kept = None
            else:
                raise _missing(key, part, value)
            if stored is None:
                stored = dict(value)
            stored[key] = kept
        if not value.keys() <= known:  # what the type does not name is kept, so it must be JSON too
            reason = reject({key: part for key, part in value.items() if key not in known})
            if reason:
                raise Misfit(reason)
        return value if stored is None else stored

    return fit_map


def _missing(key: str, part: Type, value: Mapping[Any, Any]) -> Misfit:
    near = did_you_mean(key, [name for name in value if isinstance(name, str)])
    hint = f"; {near.replace('did you mean', 'is').removesuffix('?')} meant for it?" if near else ""
    return Misfit(f"missing key '{key}' ({describe(part)}){hint}")


def _below(step: str, error: ValueError) -> Misfit:
    if isinstance(error, Misfit):
        return Misfit(error.reason, (step, *error.steps))
    return Misfit(str(error), (step,))


def _fit_approval(_: Type) -> Callable[[Any], Value]:
    take = _fit_map(Type("map", keys=APPROVAL_KEYS))

    def fit_approval(value: Any) -> Value:
        if type(value) is not dict:
            raise _expected("approval", value)
        stored = take(value)
        if value["ok"] is not (value["choice"] == "approve"):
            raise Misfit(f"`ok` is true where `choice` is approve, and only there; found {value['choice']}")
        return stored

    return fit_approval


def _fit_enum(take: Callable[[Any], Value], options: tuple[Value, ...]) -> Callable[[Any], Value]:
    def fit_enum(value: Any) -> Value:
        kept = take(value)
        if kept in options:
            return kept
        hint = suggestion(kept, [o for o in options if isinstance(o, str)]) if isinstance(kept, str) else ""
        raise Misfit(f"expected one of {', '.join(map(_plain, options))}, found {found(value)}{hint}")

    return fit_enum


_FITTERS: dict[str, Callable[[Type], Callable[[Any], Value]]] = {
    "string": _fit_string,
    "integer": _fit_integer,
    "number": _fit_number,
    "boolean": _fit_boolean,
    "time": _fit_time,
    "duration": _fit_duration,
    "any": _fit_any,
    "list": _fit_list,
    "map": _fit_map,
    "approval": _fit_approval,
}


_YES, _NO = frozenset(("yes", "y", "true")), frozenset(("no", "n", "false"))


def read_text(declared: Type, text: str) -> Value:
    """What a person typed, as a stored value. Raises ValueError with a reason that one can be asked again with.

    A choice matches ignoring case and outer blanks and is stored as the option is written; yes, y, no and n are
    booleans; lists and maps are JSON; an approval is `approve`, `reject` or `back`, with a reason after a colon;
    `any` is JSON where it parses, else the text. An empty text is null where the type is optional and no string.
    """
    typed = text.strip()
    if not typed and declared.optional and declared.kind != "string":
        return None
    if declared.enum:
        return _read_choice(declared.enum, text)
    take = fitter(declared)
    if declared.kind in ("integer", "number"):
        return take(_read_number(typed, declared.kind))
    if declared.kind == "boolean":
        word = typed.lower()
        if word in _YES or word in _NO:
            return word in _YES
        raise ValueError(f"answer yes or no: {typed!r}")
    if declared.kind == "approval":
        return _read_approval(typed)
    if declared.kind in ("list", "map", "any"):
        try:
            value = msgspec.json.decode(typed)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            if declared.kind == "any":
                return take(text)
            raise ValueError(f"not the JSON of a {declared.kind}: {found(typed).removeprefix('string ')}") from None
        return take(value)
    return take(text if declared.kind == "string" else typed)


def _read_choice(options: tuple[Value, ...], text: str) -> Value:
    if text in options:
        return text
    typed = text.strip().casefold()
    for option in options:
        if typed == _plain(option).strip().casefold():
            return option
    raise ValueError(f"choose one of: {', '.join(map(_plain, options))}")


def _read_number(typed: str, kind: str) -> Value:
    what = "a whole number" if kind == "integer" else "a number"
    digits = typed.removeprefix("-").removeprefix("+") if typed[:2] not in ("-+", "+-") else ""
    if digits.isascii() and digits.isdigit() and len(digits) < 20:
        return int(typed)
    if typed.isascii() and not set(typed) - set("0123456789+-.eE"):
        try:
            number = float(typed)
        except ValueError:
            number = None
        if number is not None and abs(number) < float("inf") and (kind == "number" or number.is_integer()):
            if kind == "integer" and not INTEGER_MIN <= number < 2.0**63:
                raise Misfit("integer beyond 64 bits")
            return number
    raise ValueError(f"not {what}: {found(typed).removeprefix('string ')}")


def _read_approval(typed: str) -> Value:
    word, _, reason = typed.partition(":")
    choice = word.strip().lower()
    choice = "approve" if choice in _YES else "reject" if choice in _NO else choice
    if choice not in VERDICTS:
        raise ValueError(f"choose one of: {', '.join(VERDICTS)}")
    return fit(Type("approval"), {"ok": choice == "approve", "choice": choice, "reason": reason.strip() or None})
