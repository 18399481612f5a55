"""Short forms for tests: a router over process tools, and one attempt from a test that is not async."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from trellis.dispatch import Dispatcher, Router
from trellis.model.actions import Response
from trellis.model.graph import Tool
from trellis.testing.dispatchers import PATIENCE_S, call

T = TypeVar("T")


def play(scene: Coroutine[Any, Any, T]) -> T:
    """Run a scene to its end; a stuck one fails."""

    async def bounded() -> T:
        async with asyncio.timeout(PATIENCE_S) as clock:
            ended = await scene
        assert not clock.expired(), "stuck until it was cancelled"
        return ended

    return asyncio.run(bounded())


def attempt(router: Router, tool: str, **args: Any) -> Response:
    """One attempt of `tool`."""
    return play(router.dispatch(call(tool, **args)))


def command(
    folder: Path, *words: str, grace_s: float = 2.0, timeout: float | None = None, env: dict[str, str] | None = None
) -> Router:
    """A router for a document in `folder` with one process tool, `tool`."""
    tool = Tool("process", process=words, timeout=timeout, env=env or {})
    return Dispatcher(grace_s=grace_s).bind({"tool": tool}, base=str(folder), allow=["process"])


def shell(folder: Path, script: str, **options: Any) -> Router:
    """The same, whose tool runs a script of the shell."""
    return command(folder, "sh", "-c", script, **options)
