"""What `trellis answer` and `trellis signal` do: find what is meant, deliver it, and say what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from trellis.cli.delivery import deliver, say, taken
from trellis.cli.kept import with_store
from trellis.cli.looking import stands
from trellis.cli.places import command_line
from trellis.cli.screen import words_for
from trellis.cli.settings import read_data
from trellis.cli.words import one_line, wanted
from trellis.engine import State
from trellis.engine.nodes import asked
from trellis.errors import UsageError
from trellis.hosts.commands import Answer, Signal
from trellis.model.actions import RequestInput
from trellis.stores.base import Store

INPUT_NEEDED = 7
STDIN = "-"
LONGEST = 2**20
"""Bytes of an answer on stdin."""


def answer(run: str, node: str, value: str, by: str, answer_id: str, store: str | None) -> int:
    """Answer a question. Gives the exit code; raises TrellisError."""

    async def work(kept: Store) -> int:
        _, _, state = await stands(kept, run)
        question = _question(state, node)
        text = _value(run, node, value, question, store)
        delivered = await deliver(kept, run, Answer(node, text, by, answer_id))
        if taken(delivered, run):
            say(delivered, "taken", store)
            return 0
        reason = one_line(delivered.reply.message)
        again = f"; {wanted(asked(question))}" if question is not None else ""
        click.echo(words_for(sys.stdout).bad(f"asked again: {reason}{again}"))
        return INPUT_NEEDED

    return with_store(store, work)


def _question(state: State, node: str) -> RequestInput | None:
    for pending in state.open.values():
        if pending.request.node == node and isinstance(pending.request, RequestInput):
            return pending.request
    return None


def _value(run: str, node: str, value: str, question: RequestInput | None, store: str | None) -> str:
    """The answer. Raises UsageError for a secret among the words of a command, which others can see."""
    secret = question is not None and question.ask == "secret"
    if value != STDIN:
        if secret:
            raise UsageError(
                f"node '{node}' asks for a secret, and a command line is seen by others and kept by shells; "
                f"give it on stdin: {command_line(['answer', run, node, STDIN], store)}"
            )
        return value
    if secret and question is not None and sys.stdin is not None and sys.stdin.isatty():
        return str(click.prompt(f"{question.field} (not shown)", hide_input=True, err=True))
    return read_stdin()


def read_stdin() -> str:
    """All of stdin as one text, without the end of its last line. Raises UsageError."""
    data = sys.stdin.buffer.read(LONGEST + 1) if sys.stdin is not None else b""
    if len(data) > LONGEST:
        raise UsageError(f"stdin holds more than {LONGEST // 2**20} MiB")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin is not UTF-8: byte 0x{data[error.start]:02x}") from None


def signal(run: str, name: str, data: Sequence[str], by: str, signal_id: str, store: str | None) -> int:
    """Send a signal. Gives the exit code; raises TrellisError."""

    async def work(kept: Store) -> int:
        _, graph, _ = await stands(kept, run)
        declared = graph.definition.signals.get(name)
        values = read_data(data, declared.data if declared is not None else {}, name)
        delivered = await deliver(kept, run, Signal(name, values, by, signal_id))
        taken(delivered, run)
        kept_for_later = any(waiting.name == name for waiting in delivered.state.buffer)
        what = "kept until something takes it" if kept_for_later else "taken"
        say(delivered, what, store)
        return 0

    return with_store(store, work)
