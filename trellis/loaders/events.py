"""ruamel.yaml's parser as a stream of events that ends in a fault, never in an exception."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.parser import Parser
from ruamel.yaml.reader import Reader
from ruamel.yaml.scanner import Scanner

from trellis.loaders.syntax import Fault, syntax_fault
from trellis.model.problems import Place


def events(text: str, faults: list[Fault]) -> Iterator[Any]:
    """The events of `text`; where they stop early, the reason is added to `faults`."""
    text, fault = _without_directives(text)
    if fault is not None:
        faults.append(fault)
        return
    loader = _Loader()
    loader._reader, loader._scanner, loader._parser = Reader(text, loader), _Scanner(loader), Parser(loader)
    parser = loader._parser
    try:
        while parser.check_event():
            yield parser.get_event()
    except MarkedYAMLError as error:
        faults.append(syntax_fault(error, text.split("\n")))
    except (ValueError, OverflowError):  # an escape such as "\\UFFFFFFFF"
        place = Place(loader._reader.line + 1, loader._reader.column + 1)
        faults.append(Fault(place, "E101", "no character has this number", "write \\u and four hexadecimal digits"))


_BEFORE = re.compile(r"(?: *(?:#[^\n]*)?\n)*")


def _without_directives(text: str) -> tuple[str, Fault | None]:
    """`text` with `%YAML 1.2` turned into a comment, and the fault of another directive before the document."""
    while text.startswith("%", at := _BEFORE.match(text).end()):  # type: ignore[union-attr]
        line, _, rest = text[at:].partition("\n")
        if line.split() != ["%YAML", "1.2"]:
            place = Place(text.count("\n", 0, at) + 1, 1)
            hint = "remove the line" if "YAML" in line else "quote the text, or remove the line"
            return text, Fault(
                place, "E116", f"'{line.strip()[:40]}' is a directive; documents are plain YAML 1.2", hint
            )
        text = f"{text[:at]}#{line[1:]}\n{rest}"
    return text, None


class _Loader:
    """What ruamel.yaml's own loader sets up for a parser, without its search for plug-ins on the disk."""

    comment_handling = version = tags = None
    processing_version = (1, 2)

    def __init__(self) -> None:
        self.doc_infos = [_Info()]
        self._resolver = self
        self._reader: Any = None
        self._scanner: Any = None
        self._parser: Any = None


class _Info:
    doc_version: Any = None

    def __init__(self) -> None:
        self.tags: list[Any] = []
        """Where the parser notes the directives of a second document, which is refused as it begins."""


_APART = frozenset("\0 \t\n,[]{}")
"""What stands behind a mark; behind the first character of a text, none of it."""


class _Scanner(Scanner):
    """Its departures from YAML 1.2 that authors would meet, mended: inside braces a key may span lines, and inside braces and
    brackets a text may begin with a question mark."""

    def check_key(self) -> bool:
        """Whether the question mark here is the mark of a key."""
        return self.reader.peek(1) in _APART

    def check_plain(self) -> bool:
        """Whether a plain text begins here."""
        if self.flow_level and self.reader.peek() == "?":
            return self.reader.peek(1) not in _APART
        return bool(super().check_plain())

    def stale_possible_simple_keys(self) -> None:
        """Forget what can no longer be a key: what began long ago, or, outside of braces, on another line."""
        for level, key in self.possible_simple_keys.items():
            if level and self.flow_context[level - 1] == "{":
                key.line = self.reader.line
        super().stale_possible_simple_keys()
