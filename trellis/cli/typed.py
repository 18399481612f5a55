"""What a person types: lines of stdin, one for each question, and no line is lost between two.

A thread reads, because nothing else can wait for a terminal and a pipe on every platform; it reads only when a line
is wanted, from the file itself (a buffered reader would hold a lock when the process ends). Lines are UTF-8, whatever
the locale says, and one that is not, or that is too long, is refused as a whole.
"""

from __future__ import annotations

import asyncio
import io
import sys
import threading
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from trellis.cli.words import END

CHUNK = 65_536
LONGEST = 2**20
"""Bytes of a line."""


class Unfit(NamedTuple):
    """A line that is no answer to anything, and why."""

    reason: str


class TypedLines:
    """The lines of stdin, without their ends. Begins to read when the first one is wanted."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str | Unfit | None] = asyncio.Queue()
        self._wanted = threading.Semaphore(0)
        self._reader: threading.Thread | None = None
        self._buffer = bytearray()
        """What was read and is no line of anybody yet: the reader's while it reads, else of whoever wants a line."""
        self._prompt: str | None = None
        self._unused: list[str | Unfit] = []
        self._waiting = False
        self._ended = False

    @property
    def waiting(self) -> bool:
        """Whether a line is being read already, for somebody who does not wait for it any more."""
        return self._waiting

    @property
    def editing(self) -> bool:
        """Whether the line that is being read can be edited: what is typed is shown."""
        return self._waiting and self._prompt is not None

    def go_on(self) -> None:
        """Read on after an end: that of a terminal (Ctrl-D) ended one text only."""
        self._ended = False

    async def next(self, prompt: str | None = None) -> str | Unfit | None:
        """The next line, None at the end of the input. Cancelled, it leaves the line to the next call.

        With a `prompt`, which is shown here, the line can be edited; stdin and stdout must be a terminal.
        """
        if self._unused:
            return self._unused.pop()
        if self._ended:
            return None
        if not self._waiting and b"\n" in self._buffer:  # no thread is woken for what is there already
            return _text(_cut(self._buffer, _nothing))
        if self._reader is None:
            loop = asyncio.get_running_loop()
            # A daemon: one that waits for a line must not keep the process alive.
            self._reader = threading.Thread(target=self._read, args=(loop,), name="trellis stdin", daemon=True)
            self._reader.start()
        if not self._waiting:
            self._waiting, self._prompt = True, prompt
            self._wanted.release()
        line = await self._lines.get()
        self._waiting = False
        self._ended = line is None
        return line

    def give_back(self, line: str | Unfit) -> None:
        """A line that was not used: it is the next one again."""
        self._unused.append(line)

    def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        buffer, read = self._buffer, _reader()
        while True:
            self._wanted.acquire()
            line = _cut(buffer, read) if self._prompt is None or buffer else _edited(self._prompt)
            try:
                loop.call_soon_threadsafe(self._lines.put_nowait, _text(line))
            except RuntimeError:  # the loop is closed: nobody asks any more
                return


async def several(next_line: Callable[[], Awaitable[str | Unfit | None]]) -> str | Unfit | None:
    """A text of several lines, up to one that is only a dot, or to the end of the input; None where it had ended.

    One that holds an unfit line, or is too long, is refused as a whole when it has been read.
    """
    lines: list[str] = []
    size, unfit, line = 0, None, await next_line()
    if line is None:
        return None
    while line is not None and line != END:
        if unfit is None:
            size += 0 if isinstance(line, Unfit) else len(line.encode()) + 1
            unfit = line if isinstance(line, Unfit) else _too_long() if size > LONGEST + 1 else None
            lines.append(str(line))
        line = await next_line()
    return unfit or "\n".join(lines)


def prepare_editing() -> bool:
    """Load the line editor of the system, if there is one and stdin and stdout are a terminal; whether there is."""
    if not (isinstance(sys.stdin, io.TextIOWrapper) and sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    try:
        import readline
    except ImportError:
        return False
    for setting in ("input-meta on", "output-meta on", "convert-meta off"):  # bytes as they are typed, in any locale
        readline.parse_and_bind(f"set {setting}")
    readline.set_auto_history(False)
    sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    return True


def _edited(prompt: str) -> bytes | None:
    try:
        return input(prompt).encode("utf-8", "surrogateescape")
    except (EOFError, OSError):  # Ctrl-D, or the terminal has gone
        return None


def _reader() -> Callable[[int], bytes]:
    """What reads some bytes of stdin, at most as many as it is told; none at its end."""
    stream: Any = getattr(sys.stdin, "buffer", None)
    if stream is None:
        return lambda _: b""
    raw = getattr(stream, "raw", None)
    read: Callable[[int], bytes] = raw.read if raw is not None else stream.read1
    return read


def _cut(buffer: bytearray, read: Callable[[int], bytes]) -> bytes | Unfit | None:
    """One line out of `buffer`, filled as far as needed; None at the end. Of one too long nothing is kept."""
    searched, long = 0, False
    while (end := buffer.find(b"\n", searched)) < 0:
        if len(buffer) > LONGEST:
            long = True
            buffer.clear()
        searched = len(buffer)
        try:
            more = read(CHUNK)
        except OSError:  # the terminal has gone
            more = b""
        if not more:
            if not buffer and not long:
                return None
            end = searched
            break
        buffer += more
    line = bytes(buffer[:end])
    del buffer[: end + 1]
    return _too_long() if long else line


def _nothing(_: int) -> bytes:
    return b""


def _text(line: bytes | Unfit | None) -> str | Unfit | None:
    return line if line is None or isinstance(line, Unfit) else _decoded(line)


def _too_long() -> Unfit:
    return Unfit(f"longer than {LONGEST // 2**20} MiB")


def _decoded(line: bytes) -> str | Unfit:
    if len(line) > LONGEST:
        return _too_long()
    try:
        return line.removesuffix(b"\r").decode()
    except UnicodeDecodeError as error:
        return Unfit(f"not UTF-8: byte 0x{line[error.start]:02x}")


class PipedAnswers:
    """One line of a pipe or file for each question."""

    interactive = False

    def __init__(self, lines: TypedLines) -> None:
        self._lines = lines

    async def answer(self, question: dict[str, Any]) -> str | Unfit | None:
        """The next line, or the lines of a text of several; None at the end of the input."""
        return await (several(self._lines.next) if question.get("lines") else self._lines.next())

    def give_back(self, question: dict[str, Any], answer: object) -> None:
        """Lines are for whatever is asked, in order: this one is the next again. A text of several was for one question."""
        if isinstance(answer, str | Unfit) and not question.get("lines"):
            self._lines.give_back(answer)

    def lacking(self, node: str) -> str:  # noqa: ARG002
        """Why there is no answer for `node`."""
        return "the input has ended"
