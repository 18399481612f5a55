"""What reaches a terminal cannot steer it, whoever wrote it: a run, an error, click, Python with a traceback."""

from __future__ import annotations

import io
import sys
from typing import Any

_PLAIN = "\ud800"
_COLORS = {"red": "\ud801", "green": "\ud802", "yellow": "\ud803", "blue": "\ud804", "cyan": "\ud806"}
"""Colors are lone surrogates until they are written: no text of others can hold one, as all of it was decoded."""
_STEERING: dict[int, str] = {
    code: "\ufffd"
    for code in (*range(32), *range(127, 160), *map(ord, (_PLAIN, *_COLORS.values())))
    if chr(code) not in "\n\t"
}
_SHOWN = _STEERING | {ord(_PLAIN): "\x1b[0m"} | {ord(text): f"\x1b[3{ord(text) & 7}m" for text in _COLORS.values()}


class Terminal(io.TextIOWrapper):
    """A terminal that is written to. Control characters are shown as `\ufffd`; only what `painted` gave has a color."""

    def write(self, text: str, /) -> int:
        return super().write(text.translate(_SHOWN))


def on_terminal(stream: Any) -> Any:
    """The stream as one that cannot be steered, where it is a terminal; else as it is."""
    if not isinstance(stream, io.TextIOWrapper) or not stream.isatty():
        return stream
    return Terminal(stream.buffer, stream.encoding, stream.errors, line_buffering=True)


def painted(text: str, color: str) -> str:
    """The text in a color, for a Terminal."""
    return f"{_COLORS[color]}{text}{_PLAIN}"


def harmless(text: str) -> str:
    """`text` without what steers a terminal: data must not move the cursor or change a color."""
    return text.translate(_STEERING)


def put(text: str) -> None:
    """Lines of text on stdout, at once. Raises OSError."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def put_data(data: bytes) -> None:
    """Bytes on stdout, at once: as they are for a program, as text for a terminal. Raises OSError."""
    if isinstance(sys.stdout, Terminal):
        sys.stdout.write(data.decode(errors="replace"))
    else:
        sys.stdout.buffer.write(data)
    sys.stdout.flush()
