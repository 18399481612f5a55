"""A command line as a tool: arguments go in as JSON, stdout is the value, the exit status says whether it is one.

No shell reads the words, and only a few variables of the host's environment are passed on. The working directory is
the document's folder. What it means to end, and how, is in `child`.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
from pathlib import Path
from typing import Any

import msgspec

from trellis.dispatch.child import MOST_STDOUT, Child
from trellis.dispatch.reports import invalid, plain, timed_out, unknown
from trellis.errors import ExpressionError
from trellis.expr.faults import Fault
from trellis.expr.template import Template, compile_template
from trellis.model.actions import CallTool, Completed, Failed, Response
from trellis.model.graph import Tool
from trellis.model.values import Value, canonical, reject

PASSED_ON = frozenset(("PATH", "HOME", "LANG", "TMPDIR", "TZ", "TRACEPARENT"))
"""Variables of the host that a process sees, besides LC_*."""
MOST_IN_ENVIRONMENT = 32 * 1024
"""TRELLIS_ARGS is set for arguments shorter than this; stdin holds them whatever their length."""


class Process:
    """The command of one declared tool. Raises ValueError where one of its texts is no template."""

    def __init__(self, tool: Tool, *, base: str, grace_s: float) -> None:
        self._words = [compile_template(word) for word in tool.process]
        self._environment = {name: compile_template(text) for name, text in tool.env.items()}
        self._timeout_s, self._grace_s = tool.timeout, grace_s
        self._folder = str(Path(base).absolute())

    async def attempt(self, request: CallTool, connection: Any = None) -> Response:  # noqa: ARG002 - not for a process
        """Run the command once. Raises CancelledError, after the group has ended, where it did not complete."""
        try:
            words = [_text(word, request.args) for word in self._words]
            own = {name: _text(text, request.args) for name, text in self._environment.items()}
            stdin = canonical(request.args)
        except (ExpressionError, ValueError) as error:
            return invalid(f"the command of '{request.tool}' does not fit its arguments: {error}")
        try:
            variables = _variables(request, stdin, own)
            child = Child(words, folder=self._folder, environment=variables, stdin=stdin, heard=request.heartbeat)
        except (OSError, ValueError) as error:
            return _not_started(error, words, self._folder)
        try:
            return await self._watch(child)
        finally:
            child.close()

    async def _watch(self, child: Child) -> Response:
        try:
            await asyncio.wait([child.news], timeout=self._timeout_s)
        except asyncio.CancelledError:
            await child.stop(self._grace_s)
            if child.status == 0:  # the tool's own word that it is done, whenever it came
                return _judged(child)
            raise
        news = child.news.result() if child.news.done() else None
        running = child.status is None
        if news != "ended":
            await child.stop(self._grace_s)
        if news is None and running:
            assert self._timeout_s is not None
            return timed_out(self._timeout_s)
        return _judged(child)


def _text(template: Template, args: dict[str, Value]) -> str:
    value: Any = template.evaluate({"args": args})
    if type(value) is str:
        return value
    if value is None:
        raise ExpressionError(template.text, "it is null; default(…, …) says what to write then")
    from trellis.expr.operators import text_of  # here because of an expression, so loaded already

    try:
        return text_of(value)
    except Fault as fault:
        raise ExpressionError(template.text, str(fault)) from None


def _variables(request: CallTool, args: bytes, own: dict[str, str]) -> dict[str, str]:
    variables = {name: text for name, text in os.environ.items() if name in PASSED_ON or name.startswith("LC_")}
    variables |= own
    variables |= {
        "TRELLIS_RUN_ID": request.run,
        "TRELLIS_NODE": request.node,
        "TRELLIS_ATTEMPT": str(request.attempt),
        "TRELLIS_IDEMPOTENCY_KEY": request.idempotency_key,
    }
    if len(args) < MOST_IN_ENVIRONMENT:
        variables["TRELLIS_ARGS"] = args.decode()
    return variables


def _judged(child: Child) -> Response:
    if child.flooded:
        return invalid(f"printed more than {MOST_STDOUT // 1024**2} MiB")
    status = child.status
    if status == 0:
        return read(child.stdout)
    tail = plain(child.stderr.decode("utf-8", "replace"))
    if status is not None and status < 0:
        return Failed("failed", f"killed by {_signal_name(-status)}" + (f": {tail}" if tail else ""))
    return Failed("failed", tail or f"exit status {status}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def read(stdout: bytes | bytearray) -> Completed | Failed:
    """The value that a tool printed: JSON as it is, other text without the blanks around it, nothing as null.

    A JSON list or map that ends early is refused: a value cut short must not pass for a text.
    """
    try:
        text = stdout.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        return invalid(f"stdout is not UTF-8: byte 0x{stdout[error.start]:02x} at offset {error.start}")
    if not text:
        return Completed(None)
    value: Value = text
    try:
        value = msgspec.json.decode(text)
    except RecursionError:
        return invalid("stdout holds no value of ours: nested too deep")
    except msgspec.DecodeError as error:
        if text[0] in "{[" and "truncated" in str(error):
            return invalid(f"stdout is JSON that ends early, after {len(text):,} characters; print the whole value")
    reason = reject(value)
    return Completed(value) if reason is None else invalid(f"stdout holds no value of ours: {reason}")


def _not_started(error: OSError | ValueError, words: list[str], folder: str) -> Failed:
    program = words[0] if words else ""
    if not isinstance(error, OSError):
        return invalid(f"'{program}' cannot be started: {error}")
    if error.errno == errno.ENOENT:
        if not Path(folder).is_dir():
            return unknown(f"'{program}' cannot be started: its folder {folder} does not exist")
        if "/" in program and Path(folder, program).exists():
            return unknown(f"'{program}' cannot be started: the interpreter in its first line does not exist")
        where = f"in {folder}" if "/" in program else "on PATH"
        return unknown(f"no program '{program}' {where}")
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Failed("denied", plain(f"'{program}' is not executable; try chmod +x {program}"), retryable=False)
    if error.errno == errno.ENOEXEC:
        return invalid(f"'{program}' is no program; its first line may lack #! and an interpreter")
    if error.errno == errno.E2BIG:
        return invalid(f"the command line of '{program}' is too long; its arguments are on stdin as well")
    return Failed("failed", plain(f"'{program}' cannot be started: {error.strerror}"))
