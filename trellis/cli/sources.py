"""Where answers come from: a file that was written before, a terminal, or the lines of a pipe."""

from __future__ import annotations

import sys
from typing import Protocol

from trellis.cli.options import Options
from trellis.cli.screen import TextScreen
from trellis.cli.terminal import TerminalAnswers
from trellis.cli.typed import PipedAnswers, TypedLines, Unfit
from trellis.cli.words import Line
from trellis.model.values import Value


class Answers(Protocol):
    """Whoever answers questions. One with `again` is for a secret that was given before."""

    interactive: bool

    async def answer(self, question: Line) -> Value | Unfit: ...

    def give_back(self, question: Line, answer: Value | Unfit) -> None:
        """The question was taken back before the answer came to it."""

    def lacking(self, node: str) -> str: ...


class Nobody:
    """Answers nothing, and reads nothing."""

    interactive = False

    async def answer(self, question: Line) -> None:
        """None: there is no answer."""

    def give_back(self, question: Line, answer: Value | Unfit) -> None:
        """Nothing: there was none."""

    def lacking(self, node: str) -> str:  # noqa: ARG002
        """Why there is no answer for `node`."""
        return "nobody answers (--headless)"


def answers_for(options: Options, screen: TextScreen, lines: TypedLines | None = None) -> Answers:
    """Whoever answers a command of these options; `lines`: those of stdin, where it was read before.

    Raises UsageError where the file is none of answers.
    """
    if options.answers is not None:
        from trellis.cli.answers import read_answers

        return read_answers(options.answers)
    if options.headless:
        return Nobody()
    lines = lines if lines is not None else TypedLines()
    return TerminalAnswers(lines, screen) if sys.stdin is not None and sys.stdin.isatty() else PipedAnswers(lines)
