"""What reaches a terminal cannot steer it, whoever wrote it: a run, an error, click, Python with a traceback."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any

_PLAIN = "\ud800"
_COLORS = {"red": "\ud801", "green": "\ud802", "yellow": "\ud803", "blue": "\ud804", "cyan": "\ud806"}
"""Colors are lone surrogates until they are written: no text of others can hold one, as all of it was decoded."""
_TURNING = (*range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Characters that break a line, or show what follows in another order than it is written: a call would be approved as
something else than it is."""
_STEERING: dict[int, str] = {
    code: "\ufffd"
    for code in (*range(32), *range(127, 160), *_TURNING, *map(ord, (_PLAIN, *_COLORS.values())))
    if chr(code) not in "\n\t"
}
_SHOWN = _STEERING | {ord(_PLAIN): "\x1b[0m"} | {ord(text): f"\x1b[3{ord(text) & 7}m" for text in _COLORS.values()}


class Region:
    """Lines at the end of a terminal that are drawn again and again; whatever else is written goes above them.

    One for all streams of a terminal.
    """

    def __init__(self) -> None:
        self.lock = RLock()  # tools print from their threads
        self.lines: tuple[int, ...] = ()
        """How many columns each line takes that is drawn now."""
        self.fresh = True
        """Whether what is written next begins a line."""
        self.own = False
        """Whether the screen itself writes, and nobody else."""
        self.interrupted: Callable[[], object] | None = None
        """Hears once, while a prompt is open, that somebody else wrote below it."""

    def erasing(self, width: int) -> str:
        """What takes the cursor to the first line and clears all from there on; of a window that is narrower now too."""
        lines, self.lines = self.lines, ()
        tall = sum(max(-(-columns // width), 1) for columns in lines)
        return f"\r\x1b[{tall}A\x1b[J" if tall else ""


class Terminal(io.TextIOWrapper):
    """A terminal that is written to. Control characters are shown as `\ufffd`; only what `painted` gave has a color."""

    region: Region | None = None

    def write(self, text: str, /) -> int:
        region = self.region
        if region is None:
            return super().write(text.translate(_SHOWN))
        with region.lock:
            if text:
                before = region.erasing(self.columns())
                hear = region.interrupted
                if hear is not None and not region.own:
                    before += "" if region.fresh else "\n"
                    region.interrupted = None  # a line comes in pieces
                    hear()
                region.fresh = text.endswith("\n")
                return super().write(before + text.translate(_SHOWN))
        return 0

    def draw(self, lines: Sequence[str], columns: Sequence[int]) -> None:
        """Draw the lines of the region anew, each of so many columns; none takes it away. Raises OSError."""
        region = self.region
        if region is None:
            return
        with region.lock:
            if not region.fresh:
                return
            before = region.erasing(self.columns())
            # No line wraps, however wide the terminal takes a character to be.
            body = "".join(f"{line.translate(_SHOWN)}\n" for line in lines)
            if before or body:
                super().write(f"{before}\x1b[?7l{body}\x1b[?7h" if body else before)
                self.flush()
            region.lines = tuple(columns)

    def columns(self) -> int:
        """How many the terminal has now."""
        return size_of(self)[0]


def size_of(stream: Any) -> tuple[int, int]:
    """Columns and lines of a terminal, 80 and 24 where it does not tell."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        size = os.terminal_size((0, 0))
    return size.columns or _number("COLUMNS", 80), size.lines or _number("LINES", 24)


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 10_000 else default


def on_terminal(stream: Any) -> Any:
    """The stream as one that cannot be steered, where it is a terminal, or colored like one; else as it is."""
    if not isinstance(stream, io.TextIOWrapper) or not (stream.isatty() or colors_forced()):
        return stream
    return Terminal(stream.buffer, stream.encoding, stream.errors, line_buffering=True)


def colors_forced() -> bool:
    """Whether FORCE_COLOR wants colors where there is no terminal too; 0 and nothing do not."""
    return os.environ.get("FORCE_COLOR", "") not in ("", "0")


def painted(text: str, color: str) -> str:
    """The text in a color, for a Terminal."""
    return f"{_COLORS[color]}{text}{_PLAIN}"


def harmless(text: str) -> str:
    """`text` without what steers a terminal: data must not move the cursor, change a color or turn the order of a line."""
    return text.translate(_STEERING)


def put(text: str) -> None:
    """Lines of text on stdout, at once. Raises OSError."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def put_data(data: bytes, stream: Any = None) -> None:
    """Bytes on stdout, or what was stdout before, at once: as they are for a program, as text for a terminal. Raises OSError."""
    out = sys.stdout if stream is None else stream
    if isinstance(out, Terminal) and out.isatty():
        out.write(data.decode(errors="replace"))
    else:
        out.buffer.write(data)
    out.flush()
