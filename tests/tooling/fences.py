"""The fenced code blocks of a Markdown page, and the commands inside a console block; nothing here runs them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FENCE = re.compile(r"^( *)(`{3,})([^`\n]*)\n(.*?)^\1\2[ ]*$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"\A(?:---\n)?# file: (\S+)\n")


class Block(NamedTuple):
    """One fenced block. `line` is that of its first line of content, from 1; `kind` the word after the language;
    `file` the name it declares, or empty."""

    page: Path
    line: int
    language: str
    kind: str
    file: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page, in order, without their indentation."""
    source = page.read_text("utf-8")
    for match in FENCE.finditer(source):
        indent, _, info, body = match.groups()
        text = re.sub(f"^{indent}", "", body, flags=re.MULTILINE)
        language, *rest = info.split() or [""]
        declared = FILE.match(text)
        line = source.count("\n", 0, match.start(4)) + 1
        yield Block(page, line, language, rest[0] if rest else "", declared[1] if declared else "", text)


def commands(text: str) -> Iterator[tuple[int, str, str]]:
    """(line from 0, command, output shown under it); a line that ends with a backslash goes on."""
    for match in re.finditer(r"^\$ ((?:.*\\\n)*.*)\n?((?:(?!\$ ).*\n)*)", text, re.MULTILINE):
        yield text.count("\n", 0, match.start()), match[1].replace("\\\n", ""), match[2]
