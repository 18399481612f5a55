"""Both of our kinds of tools keep the contract that every dispatcher keeps."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.pulse import Pulse
from trellis.dispatch import Dispatcher
from trellis.model.graph import Tool
from trellis.testing.dispatchers import DispatcherContract, Dispatches, Observed

pytestmark = pytest.mark.covers("TR01")


class TestAsyncFunctions(DispatcherContract):
    def dispatcher(self, observed: Observed) -> Dispatches:
        begun, ended = asyncio.Event(), asyncio.Event()
        attempts: list[str] = []
        tools = Dispatcher()

        @tools.action("echo")
        async def echo(**args: Any) -> dict[str, Any]:
            return args

        @tools.action("fail")
        async def fail() -> None:
            attempts.append("fail")
            raise ValueError("out of paper")

        @tools.action("hang")
        async def hang() -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        observed.attempts = lambda: len(attempts)
        observed.begun, observed.ended = _until(begun), _until(ended)
        return tools.bind({}, base=".")


class TestFunctionsInThreads(DispatcherContract):
    """A thread cannot be stopped, so what ends with a cancelled attempt is the waiting, not the work."""

    def dispatcher(self, observed: Observed) -> Dispatches:
        loop = asyncio.get_running_loop()
        begun, given_up = asyncio.Event(), threading.Event()
        attempts: list[str] = []
        tools = Dispatcher()

        @tools.action("echo")
        def echo(**args: Any) -> dict[str, Any]:
            return args

        @tools.action("fail")
        def fail() -> None:
            attempts.append("fail")
            raise ValueError("out of paper")

        @tools.action("hang")
        def hang() -> None:
            loop.call_soon_threadsafe(begun.set)
            given_up.wait()

        async def ended() -> None:
            given_up.set()

        observed.attempts = lambda: len(attempts)
        observed.begun, observed.ended = _until(begun), ended
        return tools.bind({}, base=".")


class TestProcesses(DispatcherContract):
    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    def dispatcher(self, observed: Observed) -> Dispatches:
        pulse = Pulse(self.folder)
        tried = self.folder / "tried"
        tried.write_text("")
        tools = {
            "echo": Tool("process", process=("cat",)),
            "fail": Tool("process", process=("sh", "-c", "echo fail >> tried; echo out of paper >&2; exit 1")),
            "hang": Tool("process", process=("sh", "-c", pulse.script)),
        }
        observed.attempts = lambda: len(tried.read_text().split())
        observed.begun, observed.ended = pulse.begun, pulse.ended
        return Dispatcher().bind(tools, base=str(self.folder), allow=["process"])


def _until(event: asyncio.Event) -> Any:
    async def wait() -> None:
        await event.wait()

    return wait
