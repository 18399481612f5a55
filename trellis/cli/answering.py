"""What `trellis answer` and `trellis signal` do: find what is meant, deliver it, and say what came of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from trellis.cli import tell
from trellis.cli.delivery import deliver, say, taken
from trellis.cli.kept import with_store
from trellis.cli.looking import meant, stands
from trellis.cli.output import put
from trellis.cli.places import command_line
from trellis.cli.screen import words_for
from trellis.cli.settings import read_data
from trellis.cli.words import hindrance, one_line, wanted
from trellis.engine.questions import asked
from trellis.errors import UsageError
from trellis.hosts.commands import Answer, Signal
from trellis.model.actions import RequestInput
from trellis.stores.base import Store

INPUT_NEEDED = 7
STDIN = "-"
LONGEST = 2**20
"""Bytes of an answer on stdin."""
END = "Ctrl-Z and Enter" if sys.platform == "win32" else "Ctrl-D"


def answer(run: str, node: str, value: str, by: str, answer_id: str, store: str | None) -> int:
    """Answer a question. Gives the exit code; raises TrellisError."""
    typed = _typed(with_store(store, lambda kept: _asked(kept, run, node))) if value == STDIN else None

    async def work(kept: Store) -> int:
        name, at = await meant(kept, run, node)
        question = await _asked(kept, name, at)
        if typed is None and question is not None and question.ask == "secret":
            raise UsageError(
                f"node '{node}' asks for a secret, and a command line is seen by others and kept by shells; "
                f"give it on stdin: {command_line(['answer', run, node, STDIN], store)}"
            )
        text = value if typed is None else typed
        delivered = await deliver(kept, name, Answer(at, text, by, answer_id))
        if taken(delivered, name):
            say(delivered, "taken", store)
            return 0
        reason = one_line(delivered.reply.message)
        facts = asked(question) if question is not None else None
        who = hindrance(facts, by) if facts is not None and not by else ""
        again = "".join(f"; {part}" for part in (who, wanted(facts) if facts is not None else "") if part)
        put(words_for(sys.stdout).bad(f"asked again: {reason}{again}"))
        return INPUT_NEEDED

    return with_store(store, work)


async def _asked(kept: Store, run: str, node: str) -> RequestInput | None:
    run, node = await meant(kept, run, node)
    _, _, state = await stands(kept, run)
    for pending in state.open.values():
        if pending.request.node == node and isinstance(pending.request, RequestInput):
            return pending.request
    return None


def _typed(question: RequestInput | None) -> str:
    """The answer that stdin has; on a terminal it is said what is wanted. No store is open meanwhile, nor a loop:
    Ctrl-C ends the command at once, and nothing was delivered.
    """
    if question is not None and question.ask == "secret" and _on_terminal():
        return str(click.prompt(f"{question.field} (not shown)", hide_input=True, err=True))
    return read_stdin(wanted(asked(question)) if question is not None else "the answer")


def read_stdin(what: str) -> str:
    """All of stdin as one text, without the end of its last line; on a terminal it asks for `what`. Raises UsageError."""
    if _on_terminal():
        tell(f"{what}: type it, then {END} on a line of its own; Ctrl-C gives up")
    data = sys.stdin.buffer.read(LONGEST + 1) if sys.stdin is not None else b""
    if len(data) > LONGEST:
        raise UsageError(f"stdin holds more than {LONGEST // 2**20} MiB")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UsageError(f"stdin is not UTF-8: byte 0x{data[error.start]:02x}") from None


def _on_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


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
