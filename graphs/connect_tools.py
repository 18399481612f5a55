"""The actions of connect.yaml: a telephone line that is busy, and cut, for as long as it is told to be."""

from __future__ import annotations

from trellis import ActionError


def dial(host: str, attempt: int, busy: int) -> dict[str, object]:
    """A line to `host`; the first `busy` attempts find none."""
    if attempt <= busy:
        raise ActionError("busy", f"{host} is busy", retryable=False)
    return {"host": host, "call": attempt}


def ask(line: dict[str, int], cut: int) -> str:
    """What is heard on the line; those of calls up to `cut` are lost before anything is."""
    if line["call"] <= cut:
        raise ActionError("cut", f"the line of call {line['call']} is cut", retryable=False)
    return f"hello, call {line['call']}"


def drop(line: dict[str, object]) -> None:
    """The line is free again."""
