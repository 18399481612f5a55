"""The actions of mirrors.yaml: a mirror that sends, one that never does, and one that has not got the file."""

from __future__ import annotations

import asyncio

from trellis import ActionError


async def take(mirror: str) -> str:
    """A place in the queue of a mirror."""
    return mirror


async def give(mirror: str) -> None:
    """The place is free again."""


async def fetch(mirror: str) -> str:
    """What the mirror sends; the one that is far is waited for until the call is cancelled."""
    if mirror == "gone":
        raise ActionError("gone", "there is no such file here", retryable=False)
    if mirror == "far":
        await asyncio.Event().wait()
    return f"the file of {mirror}"


async def check(sent: dict[str, str], damaged: bool) -> None:
    """Nothing, where all is right with what was sent."""
    if damaged:
        raise ActionError("damaged", f"what {', '.join(sent)} sent is damaged", retryable=False)
