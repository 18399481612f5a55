"""Where lines go: stdout has what a run says, as words or as JSON; a prompt that is open is taken up again."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import AbstractContextManager, nullcontext, redirect_stdout
from typing import Any, TextIO

from trellis.cli.output import Terminal, colors_forced, painted, put_data
from trellis.cli.words import Line, Words, below, glyphs_for
from trellis.hosts.family import Family


class OutputLost(Exception):
    """What a run says cannot be written any more. `reason` is empty where its reader just went away."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class TextScreen:
    """Says lines to people, on stdout; the prompt of an open question stays the last thing on a terminal."""

    def __init__(self) -> None:
        self.words = words_for(sys.stdout)
        self._prompt = ""
        self._left = False
        self._prompts = sys.stdout if sys.stdout.isatty() else sys.stderr

    edits = True
    """Whether a line that is typed at a prompt can be edited."""

    def alone(self) -> AbstractContextManager[object]:
        """While this lasts, nobody else writes where the lines go, if that would spoil them."""
        return nullcontext()

    def follow(self, family: Family) -> None:
        """That run is shown from now on, and those that it uses."""

    def rest(self) -> None:
        """Nothing more comes from the run."""

    def again(self) -> None:
        """The process was stopped (Ctrl-Z) and goes on."""

    def show(self, line: Line, prefix: str = "") -> None:
        """Say one event line, if people are told it. Questions are said by whoever answers them. `prefix`: see Family."""
        text = self.words.say(line if not prefix else below(line, prefix))
        if text is not None:
            self.put(text)

    def put(self, text: str) -> None:
        """Print lines of text. An open prompt is left behind, until `prompt_again`."""
        if self._prompt and not self._left:
            self._left = True
            self._write(self._prompts, "\n")
        self._write(sys.stdout, text + "\n")

    def ask(self, above: str, prompt: str, *, shown: bool = True) -> None:
        """Open a prompt, with some lines above it; without `shown`, whoever reads the line is about to show it."""
        self._write(self._prompts, above)
        self._prompt, self._left = prompt, shown
        self.prompt_again()

    def prompt_again(self) -> None:
        """Show the open prompt once more, if lines were printed since."""
        if self._prompt and self._left:
            self._left = False
            self._write(self._prompts, self._prompt)

    def close_prompt(self, end: str = "", *, typing: bool = False) -> None:  # noqa: ARG002
        """The prompt was answered, or its question is gone: `end` takes the cursor to the next line.

        `typing`: somebody may still be typing at it.
        """
        if self._prompt and not self._left:
            self._write(self._prompts, end)
        self._prompt = ""

    def answered(self, question: Line, answer: object) -> None:
        """Say a question that something else than a terminal has answered."""
        self.put(self.words.answered(question, answer))

    def unanswered(self, question: Line) -> None:
        """Say a question that nothing answers, for now."""
        self.put(self.words.asked(question))

    def _write(self, stream: TextIO, text: str) -> None:
        with losing(stream):
            stream.write(text)
            stream.flush()


class JsonScreen(TextScreen):
    """Writes lines as JSON, each at once; prompts go to stderr, and so does what tools print."""

    edits = False

    def __init__(self) -> None:
        import msgspec

        super().__init__()
        self._encode = msgspec.json.Encoder().encode
        self._out, self._prompts = sys.stdout, sys.stderr

    def alone(self) -> AbstractContextManager[object]:
        return redirect_stdout(sys.stderr)

    def show(self, line: Line, prefix: str = "") -> None:  # noqa: ARG002 - a line says itself which run it is of
        with losing(self._out):
            put_data(self._encode(line) + b"\n", self._out)

    def put(self, text: str) -> None:
        """Nothing: words are no JSON."""

    def answered(self, question: Line, answer: object) -> None:
        """Nothing: the lines that follow tell it."""

    def unanswered(self, question: Line) -> None:
        """Nothing: the line was written when the question was asked."""


class losing:  # noqa: N801
    """Turns what goes wrong with a stream into OutputLost."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, OSError):
            gone = isinstance(error, BrokenPipeError) or (error.errno == errno.EIO and _is_device(self._stream))
            raise OutputLost("" if gone else error.strerror or str(error)) from error


def _is_device(stream: TextIO) -> bool:
    """Whether it is a terminal, or was one before somebody closed it."""
    return stat.S_ISCHR(os.fstat(stream.fileno()).st_mode)


def words_for(stream: TextIO) -> Words:
    """Words with the marks and the colors that a stream can show."""
    forced = isinstance(stream, Terminal) and colors_forced()
    colored = (steerable(stream) or forced) and not os.environ.get("NO_COLOR")
    return Words(glyphs_for(stream.encoding), paint=painted if colored else None)


def steerable(stream: TextIO) -> bool:
    """Whether it is a terminal that can move its cursor and show colors."""
    if not isinstance(stream, Terminal) or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return sys.platform != "win32" or any(os.environ.get(name) for name in ("WT_SESSION", "ANSICON", "TERM"))
