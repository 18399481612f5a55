"""A Python function as a tool: called once with its arguments by keyword, and judged by what it returns or raises.

An async function runs on the loop and is cancelled by it. Any other runs in a thread, which cannot be stopped: when
its attempt is cancelled or out of time, it goes on unheard and its late result is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from trellis.dispatch.reports import invalid, plain, raised, timed_out
from trellis.dispatch.threads import Threads
from trellis.errors import ActionError
from trellis.model.actions import CallTool, Completed, Failed, Response
from trellis.model.graph import Effect
from trellis.model.problems import suggestion
from trellis.model.values import Value, reject

_HOLDERS = frozenset((dict, list))


class Parameters(msgspec.Struct, frozen=True):
    """What a function can be called with: `named`, of which `needed` must be given; `free` takes any name."""

    named: frozenset[str]
    needed: frozenset[str]
    free: bool = False
    request: bool = False
    """It has a parameter `request`, which is given the request itself."""
    connection: bool = False
    """It has a parameter `connection`, which is given that of the transaction it runs in."""

    def fault(self, tool: str, args: dict[str, Value]) -> str | None:
        """Why `args` do not fit, every reason at once, or None where they do."""
        taken = {name for name, given in (("request", self.request), ("connection", self.connection)) if given}
        foreign = [name for name in args if name in taken or not (self.free or name in self.named)]
        lacking = [name for name in sorted(self.needed) if name not in args]
        if not foreign and not lacking:
            return None
        free = self.named - args.keys()
        faults = [f"it takes no argument '{name}'{suggestion(name, free)}" for name in foreign]
        if lacking:
            faults.append("it needs " + ", ".join(f"'{name}'" for name in lacking))
        takes = ", ".join(sorted(self.named)) or "none"
        return f"'{tool}' cannot be called so: {'; '.join(faults)}. Its arguments: {takes}"


def parameters(function: Callable[..., Any], *, transactional: bool = False) -> Parameters | None:
    """The parameters of `function`, or None where Python cannot tell. Raises TypeError for what has no keyword.

    `connection` is an argument like any other, unless the function is `transactional`.
    """
    import inspect  # only where there is a function to look at

    try:
        found = inspect.signature(function).parameters.values()
    except ValueError:
        return None
    for parameter in found:
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"arguments are given by keyword, and '{parameter.name}' is positional only")
    by_name = [p for p in found if p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    given = {"request", "connection"} if transactional else {"request"}
    return Parameters(
        named=frozenset(p.name for p in by_name) - given,
        needed=frozenset(p.name for p in by_name if p.default is p.empty) - given,
        free=any(p.kind is p.VAR_KEYWORD for p in found),
        request=any(p.name == "request" for p in by_name),
        connection=transactional and any(p.name == "connection" for p in by_name),
    )


def is_async(function: Callable[..., Any]) -> bool:
    """Whether a call gives a coroutine without blocking."""
    import inspect

    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def own(value: Any) -> Any:
    """`value` with lists and maps of its own. Values of a run are shared, and a function may change what it holds."""
    if type(value) is dict:
        return {key: part if type(part) not in _HOLDERS else own(part) for key, part in value.items()}
    if type(value) is list:
        return [part if type(part) not in _HOLDERS else own(part) for part in value]
    return value


class Action:
    """The tool `name`. Raises TypeError where `function` cannot be called by keyword."""

    __slots__ = ("_async", "_function", "_parameters", "_threads", "_timeout_s", "effect", "name")

    def __init__(
        self,
        name: str,
        function: Callable[..., Any],
        threads: Threads,
        *,
        effect: Effect,
        timeout_s: float | None = None,
    ) -> None:
        self.name, self.effect = name, effect
        self._function, self._threads, self._timeout_s = function, threads, timeout_s
        self._parameters = parameters(function, transactional=effect == "transactional")
        self._async = is_async(function)

    async def attempt(self, request: CallTool, connection: Any = None) -> Response:
        """Call the function once, with the connection of a transaction where it runs in one. Raises CancelledError alone."""
        takes = self._parameters
        args: dict[str, Any] = own(request.args)
        if takes is not None:
            if args.keys() != takes.named or takes.free:
                fault = takes.fault(self.name, args)
                if fault is not None:
                    return invalid(fault)
            if takes.request:
                args["request"] = msgspec.structs.replace(request, args=args.copy())
            if takes.connection:
                args["connection"] = connection
        try:
            if self._async and self._timeout_s is None:
                value = await self._function(**args)
            else:
                value = await self._within_time(args)
        except ActionError as error:
            return Failed(plain(str(error.code)) or "failed", plain(str(error.message)), bool(error.retryable))
        except _OutOfTimeError:
            assert self._timeout_s is not None
            return timed_out(self._timeout_s)
        except TimeoutError as error:
            return Failed("timeout", plain(str(error)) or "TimeoutError")
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            return Failed("failed", raised(error))  # something inside was cancelled, not this attempt
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a function raises is its report
            return Failed("failed", raised(error))
        fault = reject(value)
        if fault is not None:
            return invalid(f"'{self.name}' returned what is no JSON value: {fault}")
        return Completed(own(value))

    async def _within_time(self, args: dict[str, Any]) -> Any:
        clock = asyncio.timeout(self._timeout_s)
        try:
            async with clock:
                if self._async:
                    return await self._function(**args)
                value = await self._threads.call(self._function, args)
                # A wrapper may hide that it is async; its coroutine is awaited here, not reported as a value.
                return await value if hasattr(value, "__await__") else value
        except TimeoutError as error:
            if clock.expired():
                raise _OutOfTimeError from error
            raise


class _OutOfTimeError(Exception):
    """The tool's own timeout passed, which is another thing than a TimeoutError of the function."""
