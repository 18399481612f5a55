"""`--set field=value`: the value is JSON if it parses and fits the field, else what a person typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from trellis.errors import InvalidField, UsageError
from trellis.model.graph import Field
from trellis.model.problems import suggestion
from trellis.model.types import Type, describe, fit, parse_type, read_text
from trellis.model.values import Value


def read_settings(settings: Iterable[str], fields: Mapping[str, Field], graph: str) -> dict[str, Value]:
    """The start values of these `field=value` texts; the last of one field counts. Raises UsageError, InvalidField."""
    values: dict[str, Value] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"--set takes FIELD=VALUE, found '{setting}'")
        if name not in fields:
            raise UsageError(f"graph '{graph}' has no field '{name}'{suggestion(name, fields)}")
        field = fields[name]
        values[name] = _read(name, parse_type(field.type, enum=field.enum or None, optional=field.optional), text)
    return values


def read_data(settings: Iterable[str], types: Mapping[str, Value], signal: str) -> dict[str, Value]:
    """What a signal carries, of `key=value` texts; what has no declared type is JSON, or text. Raises UsageError."""
    values: dict[str, Value] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals or not name:
            raise UsageError(f"signal '{signal}' takes KEY=VALUE, found '{setting}'")
        values[name] = _read(name, parse_type(types.get(name, "any")), text)
    lacking = {name: parse_type(written) for name, written in types.items() if name not in values}
    needed = [f"{name}=VALUE ({describe(kind)})" for name, kind in lacking.items() if not _may_be_null(kind)]
    if needed:
        raise UsageError(f"signal '{signal}' lacks {', '.join(needed)}")
    return values


def _may_be_null(declared: Type) -> bool:
    try:
        fit(declared, None)
    except ValueError:
        return False
    return True


def _read(name: str, declared: Type, text: str) -> Value:
    try:
        return fit(declared, msgspec.json.decode(text))
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError, ValueError):
        pass  # no JSON, or none that fits
    try:
        return read_text(declared, text)
    except ValueError as error:
        raise InvalidField(name, str(error)) from None
