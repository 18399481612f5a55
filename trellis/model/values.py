"""What a value may be: JSON, and nothing that JSON, PostgreSQL or a 64-bit reader could not keep; and what can be told of one."""

from __future__ import annotations

from typing import Any

import msgspec

try:  # the built-in module loads in a tenth of the time of hashlib, which brings OpenSSL
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found, unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found, no-redef, unused-ignore]
    except ImportError:
        from hashlib import sha256 as _sha256

Value = None | bool | int | float | str | list[Any] | dict[str, Any]
"""A JSON value. Whoever shares one does not change it: values are never copied on the way."""

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**63 - 1
DEPTH = 100
"""How many lists and maps may hold each other."""
SIZE = 16 * 1024 * 1024
"""How large one value may be: a character weighs 1, a part of a list or map 8."""

_INFINITY = float("inf")
_encode = msgspec.json.Encoder(order="sorted").encode


def canonical(value: object) -> bytes:
    """The one JSON text of a value: keys sorted, no blanks, UTF-8. Raises ValueError for what JSON cannot say."""
    try:
        data = _encode(value)
    except (TypeError, UnicodeEncodeError, RecursionError, OverflowError) as error:
        raise ValueError(f"no canonical JSON: {reject(value) or error}") from error
    # The encoder writes NaN and infinity as null, so only a text with `null` in it needs a second look.
    if b"null" in data and not _finite(value):
        raise ValueError("no canonical JSON: nan and infinity are no JSON numbers")
    return data


def digest(data: bytes) -> str:
    """The SHA-256 of `data`, as 64 hexadecimal digits."""
    if len(data) > 65_536:
        import hashlib  # several times as fast, once it is loaded

        return hashlib.sha256(data).hexdigest()
    return str(_sha256(data).hexdigest())


def reject(value: object, *, depth: int = DEPTH) -> str | None:
    """Why `value` is none of our JSON values, or None where it is one. Nothing is copied or changed.

    Refused: other types than null, boolean, integer, number, string, list, map, their subclasses too; keys that are
    no strings; NaN and infinity; integers beyond 64 bits; lone surrogates and U+0000; deeper than `depth`; more
    than SIZE. The reason starts with the place: `at items[3].when: datetime is no JSON value (…)`.
    """
    kind = type(value)
    if kind is str:
        if value.isascii() and "\0" not in value and len(value) <= SIZE:  # type: ignore[attr-defined, operator, arg-type]
            return None
    elif value is None or kind is bool:
        return None
    elif kind is int and INTEGER_MIN <= value <= INTEGER_MAX:  # type: ignore[operator]
        return None
    fault = _fault(value, depth, [SIZE])
    if fault is None:
        return None
    steps, reason = fault
    if not steps:
        return reason
    return f"at {''.join(reversed(steps)).removeprefix('.')}: {reason}"


_Fault = tuple[list[str], str]
"""The steps from the fault up to the root, and the reason."""


def _fault(value: Any, depth: int, room: list[int]) -> _Fault | None:
    kind = type(value)
    if kind is dict or kind is list:
        if depth <= 0:
            return [], "nested too deep"
        room[0] -= 8 * len(value)
        if room[0] < 0:
            return [], "too large: a value weighs at most 16 MiB"
        if kind is list:
            for index, part in enumerate(value):
                found = _scalar_fault(part, room) if type(part) not in _HOLDERS else _fault(part, depth - 1, room)
                if found is not None:
                    found[0].append(f"[{index}]")
                    return found
            return None
        for key, part in value.items():
            if type(key) is not str:
                return [], f"key {key!r} is of type {type(key).__name__}; keys are strings"
            found = _scalar_fault(key, room)
            if found is not None:
                return [], f"a key: {found[1]}"
            found = _scalar_fault(part, room) if type(part) not in _HOLDERS else _fault(part, depth - 1, room)
            if found is not None:
                found[0].append(f".{key}")
                return found
        return None
    return _scalar_fault(value, room)


_HOLDERS = frozenset((list, dict))


def _scalar_fault(value: Any, room: list[int]) -> _Fault | None:
    kind = type(value)
    if kind is str:
        room[0] -= len(value)
        if room[0] < 0:
            return [], "too large: a value weighs at most 16 MiB"
        if "\0" in value:
            return [], "text holds U+0000, which not every store keeps"
        if not value.isascii() and _has_surrogate(value):
            return [], "text holds a lone surrogate, which UTF-8 cannot say"
        return None
    if value is None or kind is bool:
        return None
    if kind is int:
        return None if INTEGER_MIN <= value <= INTEGER_MAX else ([], "integer beyond 64 bits")
    if kind is float:
        return None if -_INFINITY < value < _INFINITY else ([], f"{value} is no JSON number")
    advice = _ADVICE.get(kind.__name__, "use null, a boolean, number, string, list or map")
    return [], f"{kind.__name__} is no JSON value ({advice})"


_ADVICE = {
    "tuple": "use a list",
    "set": "use a list",
    "frozenset": "use a list",
    "bytes": "use text",
    "datetime": "use its ISO 8601 text",
    "date": "use its ISO 8601 text",
    "timedelta": "use text such as 90s",
    "Decimal": "use a float or its text",
    "UUID": "use its text",
}


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _finite(value: Any) -> bool:
    kind = type(value)
    if kind is float:
        return bool(-_INFINITY < value < _INFINITY)
    if kind is dict:
        return all(map(_finite, value.values()))
    if kind is list or kind is tuple:
        return all(map(_finite, value))
    return True


def has_template(value: Value) -> bool:
    """Whether some text in it may hold `{{ }}`."""
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(has_template, value.values()))
    return isinstance(value, list) and any(map(has_template, value))
