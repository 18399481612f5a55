"""Tools whose calls wait until they are told how they end, and the ledger of what they did: by key, whoever performs them."""

from __future__ import annotations

import asyncio

import msgspec

from tests.temporal.parity.graphs import EFFECTS
from trellis.dispatch import Dispatcher
from trellis.errors import ActionError
from trellis.model.actions import CallTool
from trellis.model.values import Value

LEFT = "left"
"""How an attempt ended that nobody told how to."""


class Effect(msgspec.Struct):
    """What was done under one idempotency key."""

    tool: str
    node: str
    args: dict[str, Value]
    undo: bool
    attempts: list[str] = []
    """How each ended: with a value, with a code, or left."""


class Gates:
    """One set of tools for many runs."""

    def __init__(self) -> None:
        self.waiting: dict[str, asyncio.Future[Value]] = {}
        """The newest attempt of each call that waits to be told how it ends, by key."""
        self.ledger: dict[str, Effect] = {}
        self.stirred: dict[str, asyncio.Event] = {}
        """What is set when a call comes to its tool or leaves it, by the run above all."""
        self.tools = Dispatcher()
        for name, effect in EFFECTS.items():
            self.tools.register(name, self._act, effect=effect)  # type: ignore[arg-type]  # one of the words

    async def _act(self, *, request: CallTool, **args: Value) -> Value:
        key = request.idempotency_key
        effect = self.ledger.setdefault(key, Effect(request.tool, request.node, args, request.undo))
        number = len(effect.attempts)
        effect.attempts.append(LEFT)
        ending: asyncio.Future[Value] = asyncio.get_running_loop().create_future()
        self.waiting[key] = ending
        self._stir(key)
        try:
            value = await ending
            effect.attempts[number] = "done"
            return value
        except ActionError as error:
            effect.attempts[number] = error.code
            raise
        finally:
            if self.waiting.get(key) is ending:
                del self.waiting[key]
            self._stir(key)

    def _stir(self, key: str) -> None:
        stirred = self.stirred.get(key.partition("/")[0])
        if stirred is not None:
            stirred.set()

    def end(self, key: str, value: Value) -> None:
        self.waiting.pop(key).set_result(value)

    def fail(self, key: str, error: ActionError) -> None:
        self.waiting.pop(key).set_exception(error)

    def of(self, run: str) -> dict[str, Effect]:
        """The ledger of one run and of those that it uses."""
        return {key: effect for key, effect in sorted(self.ledger.items()) if key.startswith(f"{run}/")}
