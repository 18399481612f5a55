"""How a scalar is written: as its author did wherever that says the same to every reader of YAML, else in quotes."""

from __future__ import annotations

import json
import re

from trellis.loaders.scalars import NoJson, plain
from trellis.loaders.tree import Part, block_indentation

EXPRESSIONS = frozenset(("if", "check", "in", "result", "enter_if", "exit_if"))
"""Keys whose texts are expressions, which are read better without quotes."""
_BITES = re.compile(r"\?|^:|:$|^[0-9]+(?::[0-9]+)+$")
"""What some readers of YAML take for a mark, or a number, where it stands plain inside braces. Whether a colon at the
beginning is one depends, for some, on what stands before it, far from the text itself."""


_OPENS = re.compile(r"[-?:](?: |$)|.*:(?: |$)")
"""A plain text that is one inside braces only."""


def in_block(text: str, part: Part) -> str:
    """A scalar of one line, or an alias, as it stands outside of braces."""
    if part.kind == "scalar" and not part.style and _OPENS.match(part.value):
        return quoted(part.value)
    return text[part.body : part.end]


def spans_lines(text: str, part: Part) -> bool:
    """Whether a scalar takes more than one line, or is a block text."""
    return part.kind == "scalar" and (part.style in ("|", ">") or "\n" in text[part.body : part.end])


def inside_braces(text: str, part: Part, *, expression: bool) -> str:
    """A scalar as it stands inside braces or brackets, on one line."""
    written = text[part.body : part.end]
    if part.kind == "alias":
        return written
    if not part.style and not part.value:
        return "null"
    if "\n" in written:
        return on_one_line(part, plainly=not _needs_quotes(part.value, expression=expression))
    if part.style or not _needs_quotes(part.value, expression=expression):
        return written
    return quoted(part.value)


def on_one_line(part: Part, *, plainly: bool) -> str:
    """A text that is written over several lines, on one."""
    if not part.style and plainly and "\n" not in part.value:
        return part.value
    if part.style == "'" and "\n" not in part.value:
        return "'" + part.value.replace("'", "''") + "'"
    return quoted(part.value)


def quoted(value: str) -> str:
    """A text in double quotes, or in single ones where it holds double ones or backslashes and would be hard to read."""
    if ('"' in value or "\\" in value) and "'" not in value and value.isprintable():
        return f"'{value}'"
    return json.dumps(value, ensure_ascii=not value.replace("\n", "").isprintable())


def _needs_quotes(value: str, *, expression: bool) -> bool:
    """Whether a plain text inside braces is one that some reader refuses, or that is for people."""
    try:
        if not isinstance(plain(value), str):
            return False
    except NoJson:
        return False
    return _BITES.search(value) is not None or (" " in value and not expression)


def continued(text: str, part: Part, indent: int) -> list[str]:
    """The lines of a plain or quoted text of several lines, each but the first with this indentation."""
    first, *rest = text[part.body : part.end].split("\n")
    trim = (lambda line: line) if part.style == '"' else str.rstrip
    last = len(rest) - 1
    lines = [trim(first)]
    for place, line in enumerate(rest):
        line = line.lstrip(" \t")
        line = line if place == last else trim(line)
        lines.append(" " * indent + line if line else "")
    return lines


_HEADER = re.compile(r"([|>])([-+0-9]*)")


def block(text: str, part: Part, indent: int) -> list[str]:
    """The lines of a block text: its header, without the comment behind it, and its lines with this indentation."""
    deep = block_indentation(text, part)
    header, *rest = text[part.body : part.end].split("\n")
    match = _HEADER.match(header)
    assert match is not None
    marks = re.sub("[0-9]", "2", match[2])
    lines = [match[1] + marks]
    for line in rest:
        line = line[deep:] if line.strip(" ") or (deep and len(line) > deep) else ""
        lines.append(" " * indent + line if line else "")
    return lines
