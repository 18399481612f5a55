"""Bytes become characters once: UTF-8, at most 16 MiB, line feeds, no control characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trellis.model.problems import Place, Problem
from trellis.model.values import SIZE

# Besides controls: line and paragraph separators, which some programs show as new lines and others do not, and
# U+FEFF, which nobody sees at all.
_FORBIDDEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_ALLOWED = bytes([9, 10, 13, *range(32, 127)])
_NAMES = {
    "\0": "NUL", "\x7f": "DEL", "\x85": "NEL, a line separator", "\u2028": "a line separator",
    "\u2029": "a paragraph separator", "\ufeff": "a byte order mark",
}  # fmt: skip
_OTHER_MARKS = {
    b"\xff\xfe\x00\x00": "UTF-32", b"\x00\x00\xfe\xff": "UTF-32", b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16",
}  # fmt: skip


def decode(path: str, data: bytes) -> tuple[str, tuple[Problem, ...]]:
    """The characters of `data` with every line ended by one line feed, and what is wrong with them.

    The text is empty where nothing can be read. A byte order mark at the start is left out; what may not stand in a
    document becomes U+FFFD.
    """
    if len(data) > SIZE:
        size = -(-len(data) // 2**20)
        message = f"the file has {size} MiB, a document has at most {SIZE // 2**20} MiB"
        return "", (Problem(path, 1, 1, "E109", "error", message, "split it, or keep data out of it"),)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        return "", (_undecodable(path, data, error),)
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = whole_lines(text)
    # Deleting what is allowed finds nothing in a thirtieth of the time that a search takes.
    if data.isascii() and not data.translate(None, _ALLOWED):
        return text, ()
    problems = tuple(_forbidden(path, text))
    return _FORBIDDEN.sub("\ufffd", text) if problems else text, problems


def whole_lines(text: str) -> str:
    """`text` with its last line ended too: parsers differ on a block text whose last line is not."""
    return text if text.endswith("\n") else text + "\n"


def are_clean(texts: Iterable[bytes]) -> bool:
    """Whether `decode` has nothing to say of these texts, and nothing to change. One look at many is much quicker."""
    data = b"".join(texts)
    if len(data) > SIZE or b"\r" in data:
        return False
    if data.isascii():
        return not data.translate(None, _ALLOWED)
    try:
        return not _FORBIDDEN.search(data.decode())
    except UnicodeDecodeError:
        return False


def _undecodable(path: str, data: bytes, error: UnicodeDecodeError) -> Problem:
    for mark, name in _OTHER_MARKS.items():
        if data.startswith(mark):
            return Problem(path, 1, 1, "E111", "error", f"the file is {name}, expected UTF-8", "save it as UTF-8")
    before = data[: error.start].decode().removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    place = place_at(before, len(before))
    message = f"byte 0x{data[error.start]:02x} is no UTF-8"
    return Problem(path, place.line, place.column, "E111", "error", message, "save the file as UTF-8")


def _forbidden(path: str, text: str) -> list[Problem]:
    """One problem for each kind of character that may not stand in a document, at its first place."""
    if not _FORBIDDEN.search(text):
        return []
    found = {character: text.index(character) for character in set(text) if _FORBIDDEN.match(character)}
    problems = []
    for character, offset in sorted(found.items(), key=lambda item: item[1]):
        place = place_at(text, offset)
        name = _NAMES.get(character, "a control character")
        hint = "remove it" if character in "\0\ufeff" else f'write "\\u{ord(character):04x}" between double quotes'
        message = f"U+{ord(character):04X} ({name}) may not stand in a document"
        problems.append(Problem(path, place.line, place.column, "E112", "error", message, hint))
    return problems


def place_at(text: str, offset: int) -> Place:
    """The line and column of a character of a text whose lines end with line feeds."""
    return Place(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
