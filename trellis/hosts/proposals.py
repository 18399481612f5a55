"""A call of a tool that waits to be allowed: what is asked about it, and what an answer comes to."""

from __future__ import annotations

import asyncio

import msgspec

from trellis.model.actions import CallTool, Denied
from trellis.model.graph import Effect
from trellis.model.types import Type, found, read_text
from trellis.model.values import Value, reject

LONGEST_REASON = 1000
"""Characters of a reason that the journal keeps."""
NOT_ALLOWED = "not allowed"


class Proposal(msgspec.Struct, frozen=True):
    """A call that is to be made, for whoever decides whether it may. Secrets in it are `***`.

    `node` is the path that is answered: that of the node, but `live.remind[1]` of its first reminder, `live.escalate[2]` of
    its second escalation. `text` says what the call does, in the words of the tool's `confirm`; `undo`: it takes back
    what the node did.
    """

    run: str
    node: str
    tool: str
    args: dict[str, Value]
    text: str
    effect: Effect
    key: str
    """The idempotency key: the same for all attempts of one visit of the node."""
    attempt: int = 1
    undo: bool = False


class Pending:
    """A proposal that waits for an answer, as one of the questions of its run."""

    __slots__ = ("proposal", "request", "verdict")

    def __init__(self, request: CallTool, proposal: Proposal) -> None:
        self.request, self.proposal = request, proposal
        self.verdict: asyncio.Future[tuple[bool | Denied, str]] = asyncio.get_running_loop().create_future()

    def answer(self, value: Value, by: str) -> None:
        """Decide it, once: only a yes allows the call."""
        if not self.verdict.done():
            self.verdict.set_result((read_verdict(value), by if reject(by) is None else ""))


def read_verdict(value: Value) -> bool | Denied:
    """What an answer comes to: yes, as a person types it, or a no; `no: too dear` gives the reason."""
    if value is True:
        return True
    if not isinstance(value, str) or not value.strip() or reject(value) is not None:
        return Denied(NOT_ALLOWED)
    word, _, reason = value.partition(":")
    try:
        if read_text(Type("boolean"), word):
            return True
    except ValueError:
        return Denied(f"{NOT_ALLOWED}: {found(value.strip()).removeprefix('string ')} is not yes")
    return Denied(reason.strip()[:LONGEST_REASON] or NOT_ALLOWED)
