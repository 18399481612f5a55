"""The parts of a node and of a graph that need nothing but themselves to be lowered: numbers, calls, policies, fields."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, TypeVar, get_args

import msgspec

from trellis.model.durations import parse_duration
from trellis.model.graph import (
    Ask,
    AskKind,
    Call,
    Each,
    End,
    Escalation,
    Field,
    Join,
    Limits,
    Migrate,
    Remind,
    Retry,
    Schedule,
    Signal,
    Tool,
    Use,
)
from trellis.model.saying import Saying
from trellis.model.sizes import parse_size
from trellis.model.types import Type, fitter, parse_type
from trellis.model.values import Value, canonical

ASK_KINDS = get_args(AskKind)

FILLS: dict[str, AskKind] = {
    "string": "text", "duration": "text", "any": "text", "time": "date", "integer": "int", "number": "number",
    "boolean": "confirm", "list": "multi",
}  # fmt: skip
"""Type of a field -> the kind of question that fills it."""

ANY = Type("any")

Made = TypeVar("Made", bound=msgspec.Struct)


def made(part: type[Made], /, **given: Any) -> Made:
    """A part of a definition. What equals the default is left to it: only then do equal parts have equal bytes."""
    usual = _usual(part)
    return part(**{name: value for name, value in given.items() if name not in usual or value != usual[name]})


@cache
def _usual(part: type[msgspec.Struct]) -> dict[str, Any]:
    names, defaults = part.__struct_fields__, part.__struct_defaults__
    return dict(zip(names[len(names) - len(defaults) :], defaults, strict=True))


def seconds(data: dict[str, Any], key: str) -> float | None:
    """The duration at `key`, if there is one that can be read."""
    written = data.get(key)
    return _seconds(written) if isinstance(written, str) else None


@lru_cache(maxsize=256)
def _seconds(written: str) -> float | None:
    """A document repeats a few durations."""
    try:
        return parse_duration(written)
    except ValueError:
        return None


def expression(written: Value) -> str:
    """An expression as text: YAML has read `tries: 0` or `ok: true` as values already."""
    return written if isinstance(written, str) else canonical(written).decode()


def call(data: dict[str, Any]) -> Call:
    """`do` and `with` as a call."""
    do = data["do"]
    args = data.get("with") or {}
    if isinstance(do, str):
        return Call(do, args)
    return Call(do.get("tool", ""), args, tuple(do.get("allow") or ()))


def use(data: dict[str, Any]) -> Use:
    """`use` and `with`. Which graph the path means is not known yet."""
    fields = {name: value for name, value in (data.get("with") or {}).items() if not name.startswith("x-")}
    return Use("", data["use"], fields)


def retry(written: dict[str, Any]) -> Retry:
    """`retry` with the defaults of the policy for what it does not say."""
    given: dict[str, Any] = {
        name: value for name in ("initial_interval", "max_interval") if (value := seconds(written, name)) is not None
    }
    if written.get("max_attempts") is not None:
        given["max_attempts"] = int(written["max_attempts"])
    for name in ("backoff_coefficient", "jitter"):
        if written.get(name) is not None:
            given[name] = float(written[name])
    return made(Retry, **given, non_retryable=tuple(written.get("non_retryable") or ()))


def join(data: dict[str, Any]) -> Join:
    """`join`; without one, every branch must succeed, and of a `race` the first."""
    if "race" in data:
        return Join("count", 1)
    written = data.get("join", "all")
    if isinstance(written, dict):
        return Join("count", written.get("n", 1))
    if written == "any":
        return Join("count", 1)
    return Join("collect") if written == "collect" else Join()


def end(data: dict[str, Any]) -> End:
    """`end`: a status, or a status and the expression of a result."""
    written = data["end"]
    if not isinstance(written, dict):
        return made(End, status=written)
    result = written.get("result")
    return made(End, status=written.get("status", "ok"), result=None if result is None else expression(result))


def each(data: dict[str, Any]) -> Each:
    """`each`, but for its body."""
    written = data["each"]
    return made(
        Each, items=expression(written.get("in", "[]")), item=written.get("as", "item"), max=written.get("max", 0)
    )


def ask(data: dict[str, Any], fields: dict[str, Field]) -> Ask | None:
    """`ask`; the options of a choice are those written, else the enum of its field, or of what its field lists."""
    written = data["ask"]
    kind = next((kind for kind in ASK_KINDS if kind in written), None)
    if kind is None:
        return None
    if kind == "form":
        return made(Ask, kind=kind, field="", form=tuple(_part(name, fields.get(name)) for name in written[kind]))
    name = written[kind]
    options = written.get("options")
    if options is None and kind in ("choice", "multi") and name in fields:
        options = _enum(kind, fields[name])
    return made(
        Ask,
        kind=kind,
        field=name,
        options=tuple(options or ()),
        default=written.get("default"),
        by=tuple(written.get("by") or ()),
        quorum=written.get("quorum", 1),
        lines=written.get("lines", False),
    )


def remind(data: dict[str, Any], call: Call | None, say: Saying | None) -> Remind | None:
    """`remind`, where it says how often."""
    every = seconds(data, "every")
    return None if every is None else made(Remind, every=every, call=call, say=say, max=data.get("max", 0))


def escalation(data: dict[str, Any], call: Call | None, say: Saying | None) -> Escalation:
    """One step of `escalate`."""
    return made(Escalation, after=seconds(data, "after") or 0.0, by=tuple(data.get("by") or ()), call=call, say=say)


def _part(name: str, field: Field | None) -> Ask:
    """What a form asks for a field: the kind is that of its type, the default its own."""
    if field is None:
        return Ask("text", name)
    kind = "choice" if field.enum else FILLS.get(field_type({"type": field.type}).kind, "text")
    options = _enum(kind, field) if kind in ("choice", "multi") else ()
    return made(Ask, kind=kind, field=name, options=options, default=field.default)


def _enum(kind: str, field: Field) -> tuple[Value, ...]:
    item = field_type({"type": field.type}).item
    return field.enum if kind == "choice" else item.enum if item is not None else ()


def field(written: Any) -> tuple[Field, Type]:
    """A field and its type. What does not fit is kept as written, or left out; the rule on declarations tells of it."""
    data: dict[str, Any] = written if isinstance(written, dict) else {"type": written}
    enum, optional = tuple(data.get("enum") or ()), bool(data.get("optional", False))
    declared = field_type(data)
    default = data.get("default")
    if default is not None:
        try:
            default = fitter(declared)(default)
        except ValueError:
            pass  # kept as written, so that the field is not taken for one that has none
    lowered = Field(
        type=data.get("type", "any"),
        optional=optional,
        default=default,
        enum=declared.enum or enum,
        check=None if data.get("check") is None else expression(data["check"]),
        secret=bool(data.get("secret", False)),
        index=bool(data.get("index", False)),
        source=data.get("from"),
        merge=data.get("merge"),
    )
    return lowered, declared


def field_type(data: dict[str, Any]) -> Type:
    """The type of a field with its enum; the type alone where the enum is wrong; `any` where that is wrong too."""
    optional = bool(data.get("optional", False))
    for enum in (data.get("enum") or None, None):
        try:
            return parse_type(data.get("type", "any"), enum, optional)
        except ValueError:
            continue
    return ANY


def tool(data: dict[str, Any]) -> Tool | None:
    """A named tool, where it is of a kind that we run."""
    kind = next((kind for kind in ("python", "process") if kind in data), None)
    if kind is None:
        return None
    return made(
        Tool,
        kind=kind,
        python=data.get("python", ""),
        process=tuple(data.get("process", ())),
        env=data.get("env") or {},
        timeout=seconds(data, "timeout"),
        effect=data.get("effect", "idempotent"),
        confirm=data.get("confirm", ""),
    )


def limits(data: dict[str, Any]) -> Limits:
    """`limits`, with our own for what it does not say."""
    written = data.get("limits") or {}
    given = {name: written[name] for name in ("steps", "visits", "open", "depth") if name in written}
    given.update({name: parse_size(written[name]) for name in ("value", "journal") if name in written})
    return made(Limits, time=seconds(written, "time"), **given)


def migrate(data: dict[str, Any]) -> Migrate:
    """`migrate`, what it does not say being empty."""
    written = data.get("migrate") or {}
    return made(Migrate, **{key: written[key] for key in ("nodes", "fields") if key in written})


def schedule(data: dict[str, Any]) -> Schedule:
    """A schedule. What is wrong in it is left out; the rule on schedules tells of it."""
    calendar = None
    if "calendar" in data:
        from trellis.schedules.calendars import parse  # few graphs have any

        calendar = {}
        for key, written in data["calendar"].items():
            try:
                calendar[key] = parse(key, written)
            except ValueError:
                continue
    given = {key: value for key in ("every", "catch_up", "jitter") if (value := seconds(data, key)) is not None}
    given.update({key: data[key] for key in ("zone", "overlap") if key in data})
    return made(
        Schedule,
        cron=" ".join(data.get("cron", "").split()),
        calendar=calendar,
        fields={name: value for name, value in (data.get("with") or {}).items() if not name.startswith("x-")},
        **given,
    )


def signal(data: dict[str, Any] | None) -> Signal:
    """A declared signal: what it carries, and `buffer` where that is a number."""
    carried = dict(data or {})
    buffer = carried.pop("buffer") if isinstance(carried.get("buffer"), int) else 0
    return made(Signal, data=carried, buffer=buffer)
