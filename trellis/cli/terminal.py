"""Questions on a terminal: choices have numbers, a default is shown, a secret is not echoed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from trellis.cli.output import harmless
from trellis.cli.screen import TextScreen
from trellis.cli.typed import TypedLines, Unfit, prepare_editing, several
from trellis.cli.words import END, Line, Words, once_more, plain, shortened, so_far, usual
from trellis.model.values import Value


class TerminalAnswers:
    """Asks the person at the terminal, one question at a time."""

    interactive = True

    def __init__(self, lines: TypedLines, screen: TextScreen) -> None:
        self._lines, self._screen = lines, screen
        self._echo, self._modes = Echo(), Modes()
        self._edits = screen.edits and prepare_editing()

    async def _form(self, question: Line) -> Value | Unfit:
        """One question after the other; what was typed, by field. None, or Unfit, where that was one answer."""
        answers: dict[str, Value] = {}
        reason = question.get("reason")
        for part in question["form"]:
            typed = await self.answer({**part, "reason": reason, "asker": question.get("asker")})
            if not isinstance(typed, str):
                return typed
            answers[part["field"]] = typed
            reason = None
        return answers

    async def _several(self, question: Line) -> str | Unfit | None:
        """Lines, each with a prompt of its own, up to a dot or Ctrl-D. None where there is none of them, but Ctrl-D."""
        above, label = prompt(question, self._screen.words)
        above += f"{label.rstrip()}\n"

        async def line() -> str | Unfit | None:
            nonlocal above
            text = await self._line(above, MORE, edits=self._edits)
            above = ""
            return text

        text = await several(line)
        if text is not None:
            self._lines.go_on()
        return text

    async def answer(self, question: Line) -> Value | Unfit:
        """What the person typed; None at the end of the input (Ctrl-D). Cancelled, the prompt is taken away."""
        if question["kind"] == "form":
            return await self._form(question)
        if question.get("lines"):
            return await self._several(question)
        secret = question["kind"] == "secret"
        # For a question that is gone a line may be half typed: it could be seen, or be taken for a yes.
        if (secret and self._lines.editing) or (question["kind"] == "tool" and self._lines.waiting):
            await self._line("", "press Enter first: ", edits=False)
        if secret:
            self._echo.off()
        try:
            above, label = prompt(question, self._screen.words)
            text = await self._line(above, label, edits=self._edits and not secret, hidden=secret)
        finally:
            self._echo.on()
        return chosen(question, text) if isinstance(text, str) else text

    async def _line(self, above: str, label: str, *, edits: bool, hidden: bool = False) -> str | Unfit | None:
        edits = edits and not self._lines.waiting
        end, text = "\n", None
        try:
            self._screen.ask(above, label, shown=not edits)
            text = await self._lines.next(label if edits else None)
            end = "\n" if hidden or text is None else ""
        finally:
            self._screen.close_prompt(end, typing=self._lines.waiting)
        return text

    def again(self) -> None:
        """The process was stopped (Ctrl-Z) and goes on: whoever had the terminal meanwhile has set its modes."""
        self._echo.again()
        if self._lines.editing:
            self._modes.again()

    def restore(self) -> None:
        """Leave the terminal as it was found."""
        self._echo.on()
        if self._lines.editing:
            self._modes.restore()

    def give_back(self, question: Line, answer: object) -> None:
        """Nothing: a person typed it in view of that question, and might not say the same to another."""

    def lacking(self, node: str) -> str:  # noqa: ARG002
        """Why there is no answer for `node`."""
        return "the input has ended"


def prompt(question: Line, words: Words) -> tuple[str, str]:
    """The lines above the prompt, and the prompt: `env [staging]: `."""
    above = [words.bad(harmless(question["reason"]))] if question.get("reason") else []
    listed = () if question["kind"] == "approve" else question.get("options", ())
    for number, option in enumerate(listed, 1):
        above.append(f"  {number}) {harmless(plain(option))}")
    if question["kind"] == "tool":
        # What data put behind a line break must not pass for our prompt and somebody's answer.
        text = harmless(shortened(question["text"])).replace("\n", "\n  ")
        return "".join(f"{line}\n" for line in [*above, text]), "allow it? [y/N]: "
    default, kind = question.get("default"), question["kind"]
    if kind == "approve":
        above.append(VERDICT)
        may = f" [{'; '.join(filter(None, ('y/n/back', so_far(question))))}]"
    elif kind == "confirm":
        may = f" [{'Y' if default is True else 'y'}/{'N' if default is False else 'n'}]"
    else:
        may = f" [{usual(question)}]" if default is not None else ""
    how = LINES if question.get("lines") else _HOW.get(kind, "")
    label = once_more(question) if question.get("again") else f"{question['field']}{how}{may}"
    asker = f"{question['asker']}  " if question.get("asker") else ""
    return "".join(f"{line}\n" for line in above), f"{harmless(asker + label)}: "


VERDICT = "  y approves, n rejects, back sends it back; a reason may follow: n: too late"
MORE = "> "
"""The prompt of each line of a text of several."""
LINES = f" (lines; a line with only {END} ends)"
_HOW = {"secret": " (not shown)", "multi": " (several, as 1, 2)", "date": " (YYYY-MM-DD)"}


def chosen(question: Line, text: str) -> str:
    """The option whose number was typed, unless what was typed is an option itself; else the text as it is."""
    if question["kind"] == "approve":
        return text
    options = [plain(option) for option in question.get("options", ())]
    typed = text.strip()
    if question["kind"] == "multi":
        return _several(question["options"], options, typed)
    if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(options):
        if typed.casefold() not in (option.strip().casefold() for option in options):
            return options[int(typed) - 1]
    return text


def _several(options: list[Any], shown: list[str], typed: str) -> str:
    """The same for several: where all that was typed are numbers, the options of these."""
    parts = typed.replace(",", " ").split()
    known = {option.strip().casefold() for option in shown}
    numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and part not in known]
    if not parts or len(numbers) < len(parts) or not all(1 <= number <= len(options) for number in numbers):
        return typed
    return msgspec.json.encode([options[number - 1] for number in numbers]).decode()


class Modes:
    """The modes of the terminal as the command found them; an editor of lines sets others while it waits."""

    def __init__(self) -> None:
        self._found: list[Any] | None = None
        if sys.platform != "win32":
            import termios

            try:
                self._found = termios.tcgetattr(0)
            except termios.error:
                pass  # a terminal that does not tell

    def restore(self) -> None:
        if sys.platform != "win32" and self._found is not None:
            import termios

            try:
                termios.tcsetattr(0, termios.TCSADRAIN, self._found)
            except termios.error:
                pass  # the terminal has gone

    def again(self) -> None:
        """Set those once more that an editor of lines needs."""
        import termios

        _change(lambda now: [now[0] & ~(termios.ICRNL | termios.INLCR), now[3] & ~(termios.ICANON | termios.ECHO)])


def _change(modes: Callable[[list[Any]], list[int]]) -> None:
    """Set the input and the local modes of a terminal that this process may set: it is in the foreground."""
    import termios

    try:
        if os.tcgetpgrp(0) == os.getpgrp():
            now = termios.tcgetattr(0)
            now[0], now[3] = modes(now)
            termios.tcsetattr(0, termios.TCSADRAIN, now)
    except (termios.error, OSError):
        pass  # the terminal has gone


class Echo:
    """Whether the terminal shows what is typed."""

    def __init__(self) -> None:
        self._before: list[object] | int | None = None

    def off(self) -> None:
        """Show nothing from here on; a terminal that cannot do so goes on showing."""
        if self._before is not None:
            return
        if sys.platform == "win32":
            import ctypes

            mode = ctypes.c_ulong()
            kernel = ctypes.windll.kernel32
            if kernel.GetConsoleMode(kernel.GetStdHandle(-10), ctypes.byref(mode)):
                self._before = mode.value
                kernel.SetConsoleMode(kernel.GetStdHandle(-10), mode.value & ~4)
        else:
            import termios

            try:
                now = termios.tcgetattr(0)
                self._before = list(now)
                now[3] &= ~termios.ECHO
                termios.tcsetattr(0, termios.TCSADRAIN, now)
            except termios.error:
                self._before = None

    def again(self) -> None:
        """Show nothing, if that was so."""
        if self._before is not None:
            import termios

            _change(lambda now: [now[0], now[3] & ~termios.ECHO])

    def on(self) -> None:
        """Show as before."""
        before, self._before = self._before, None
        if before is None:
            return
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.windll.kernel32
            kernel.SetConsoleMode(kernel.GetStdHandle(-10), before)
        else:
            import termios

            try:
                termios.tcsetattr(0, termios.TCSADRAIN, before)  # type: ignore[arg-type]
            except termios.error:
                pass  # the terminal has gone
