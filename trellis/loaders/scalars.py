"""A plain scalar means what the core schema of YAML 1.2 says, and nothing that JSON could not keep."""

from __future__ import annotations

import re

from trellis.model.values import INTEGER_MAX, INTEGER_MIN, Value

_CONSTANTS: dict[str, Value] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_NOT_FINITE = frozenset(sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")) | {
    ".nan",
    ".NaN",
    ".NAN",
}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", re.ASCII)


class NoJson(ValueError):
    """A number that no JSON value can be. The text says what it is."""


def plain(text: str) -> Value:
    """The value of a scalar written without quotes. Raises NoJson for NaN, infinity and integers beyond 64 bits."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise NoJson(f"{_shortened(text)} is beyond the range of a number")
        return number
    if text in _NOT_FINITE:
        raise NoJson(f"{text} is no JSON number")
    return text


def _integer(text: str) -> int:
    digits, base = (text[2:], 8 if text[1] == "o" else 16) if text[1:2] in ("o", "x") else (text, 10)
    # The length first: turning a million digits into a number takes minutes.
    if len(digits.lstrip("+-").lstrip("0")) <= 22:
        number = int(digits, base)
        if INTEGER_MIN <= number <= INTEGER_MAX:
            return number
    raise NoJson(f"{_shortened(text)} is an integer beyond 64 bits")


def _shortened(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"
