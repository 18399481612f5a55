"""A graph is written as YAML that people go on with: a node a block, small maps on one line, texts of many lines as such."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$/-]*( [A-Za-z0-9_.$/-]+)*")
_OTHER = frozenset({"true", "false", "null", "yes", "no", "on", "off", "inf", "nan"})
_BLOCK = re.compile(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]*")


def write_document(data: Mapping[str, Any], comments: Sequence[str] = ()) -> str:
    """The document, ended by a line feed; `comments` stand above it. Reading it gives `data` again."""
    lines = [f"# {line}" if line else "#" for line in comments]
    for key, value in data.items():
        lines += _entry(key, value, 0, opened=key in ("nodes", "fields", "tools"))
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, depth: int, *, opened: bool = False) -> list[str]:
    blank, name = "  " * depth, _scalar(key)
    flat = _flow(value)
    many = isinstance(value, str) and "\n" in value.rstrip("\n")
    if many and (block := _block(value)):
        return [f"{blank}{name}: {block[0]}", *(f"{blank}  {line}" if line else "" for line in block[1:])]
    if not value or not isinstance(value, dict | list) or (not opened and len(blank) + len(name) + len(flat) < WIDTH):
        return [f"{blank}{name}: {flat}"]
    lines = [f"{blank}{name}:"]
    if isinstance(value, dict):
        for inner, part in value.items():
            lines += _entry(inner, part, depth + 1)
    else:
        lines += [f"{blank}  - {_flow(part)}" for part in value]
    return lines


def _block(text: str) -> list[str] | None:
    """A text as a block of YAML, or None where only quotes can hold it."""
    body = text.rstrip("\n")
    ends = len(text) - len(body)
    if (
        ends > 1
        or not _BLOCK.fullmatch(text)
        or body[:1] in (" ", "\n", "")
        or any(not line.strip() and line for line in body.split("\n"))
    ):
        return None
    return ["|" if ends else "|-", *body.split("\n")]


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _OTHER:
        return value
    if isinstance(value, str) and '"' in value and "\\" not in value and "\n" not in value and _BLOCK.fullmatch(value):
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value, ensure_ascii=isinstance(value, str) and not _BLOCK.fullmatch(value.replace("\t", "")))
