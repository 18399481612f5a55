"""Which tool a name means: what the program registered, else what the document declares, else nothing.

A dispatcher belongs to a program, a router to one document; both perform one attempt of one request and report it.
Process tools run only where `allow` holds "process". Functions need no permission: they are the program's own, or
stand beside the document.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol, TypeVar, get_args

from trellis.dispatch.callables import Action
from trellis.dispatch.reports import invalid, unknown
from trellis.dispatch.threads import Threads
from trellis.model.actions import CallTool, Denied, Failed, Response
from trellis.model.graph import Effect, Tool
from trellis.model.problems import suggestion

Function = TypeVar("Function", bound=Callable[..., Any])

GATED = frozenset(("process",))
"""Kinds of tools that a document may declare, and that run only when they are allowed."""


class _Attempts(Protocol):
    async def attempt(self, request: CallTool, connection: Any = None) -> Response: ...


class Dispatcher:
    """The tools of a program.

        tools = Dispatcher()

        @tools.action("ops.create", effect="idempotent")
        async def create(env: str, *, request): ...

    An action is called with the arguments by keyword, and with `request` where it has such a parameter. An async one
    runs on the loop; another runs in one of at most `threads` threads and cannot be stopped, only given up. One whose
    effect is `transactional` is given, as `connection`, the one of a transaction of the host's own database (SQLite:
    apsw.Connection, PostgreSQL: psycopg.AsyncConnection): what it writes there counts if, and only if, the run records
    that it was done. A function returns a JSON value, or raises: `ActionError` to choose the code, any other exception
    becomes `failed`. A cancelled process has `grace_s` seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, *, threads: int = 32, grace_s: float = 2.0) -> None:
        self._actions: dict[str, Action] = {}
        self._threads = Threads(threads)
        self._grace_s = grace_s

    def action(self, name: str, *, effect: Effect = "idempotent") -> Callable[[Function], Function]:
        """Register the decorated function, which stays as it is. Raises what `register` raises."""

        def decorate(function: Function) -> Function:
            self.register(name, function, effect=effect)
            return function

        return decorate

    def register(self, name: str, function: Callable[..., Any], *, effect: Effect = "idempotent") -> None:
        """Make `function` the tool `name`, for every document from now on.

        `effect` says what recovery may send again. Raises ValueError for a name that is taken or an effect that is
        none, TypeError for what cannot be called by keyword.
        """
        if name in self._actions:
            raise ValueError(f"action '{name}' is registered already; give one of the two another name")
        if effect not in get_args(Effect):
            raise ValueError(f"action '{name}': no effect '{effect}'; one of {', '.join(get_args(Effect))}")
        if not callable(function):
            raise TypeError(f"action '{name}': {type(function).__name__} cannot be called")
        try:
            self._actions[name] = Action(name, function, self._threads, effect=effect)
        except TypeError as error:
            raise TypeError(f"action '{name}': {error}") from error

    @property
    def names(self) -> frozenset[str]:
        """What is registered."""
        return frozenset(self._actions)

    def bind(self, tools: Mapping[str, Tool], *, base: str, allow: Collection[str] = ()) -> Router:
        """The router for a document that declares `tools`.

        `base` is the document's folder: processes work in it, and `python:` targets are looked up there first.
        `allow` names the gated kinds that may run: "process". Nothing is imported or started yet.
        """
        return Router(self._actions, self._threads, tools, base=base, allow=allow, grace_s=self._grace_s)


class Router:
    """The tools of one document. Made by `Dispatcher.bind`."""

    def __init__(
        self,
        actions: Mapping[str, Action],
        threads: Threads,
        tools: Mapping[str, Tool],
        *,
        base: str,
        allow: Collection[str],
        grace_s: float,
    ) -> None:
        self._actions, self._threads, self._tools = actions, threads, tools
        self._base, self._allow, self._grace_s = base, frozenset(allow), grace_s
        self._found: dict[str, _Attempts] = {}

    async def dispatch(self, request: CallTool, connection: Any = None) -> Response:
        """Perform one attempt of `request` and report how it ended. No retry, no decision.

        `connection` is that of the transaction which the attempt is part of; a function that is transactional and has
        such a parameter is given it.

        To cancel the attempt, cancel the task that awaits it: a process group gets SIGTERM, after the grace (or at a
        second cancellation) SIGKILL, and is reaped; an async function is cancelled; a function in a thread goes on
        unheard. Then CancelledError is raised, unless the tool had completed: a process by exit status 0, a function
        by returning. Such a result is returned, because what was done is done. Nothing else is ever raised.
        """
        tool = self._actions.get(request.tool) or self._found.get(request.tool)
        if tool is None:
            found = self._find(request.tool)
            if isinstance(found, Failed | Denied):
                return found
            tool = self._found[request.tool] = found
        return await tool.attempt(request, connection)

    def effect(self, name: str) -> Effect:
        """What recovery may send again of the tool `name`; "idempotent" where nobody knows it."""
        if (action := self._actions.get(name)) is not None:
            return action.effect
        if (tool := self._tools.get(name)) is not None:
            return tool.effect
        return "idempotent"

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that are neither registered nor declared, each once, in the order given."""
        return [name for name in dict.fromkeys(names) if name not in self._actions and name not in self._tools]

    def forbidden(self, names: Iterable[str]) -> dict[str, list[str]]:
        """Those of `names` that would be denied: kind -> tools, each once, in the order given."""
        denied: dict[str, list[str]] = {}
        for name in dict.fromkeys(names):
            tool = None if name in self._actions else self._tools.get(name)
            if tool is not None and not self._allowed(tool.kind):
                denied.setdefault(tool.kind, []).append(name)
        return denied

    def _allowed(self, kind: str) -> bool:
        return kind not in GATED or kind in self._allow

    def _find(self, name: str) -> _Attempts | Failed | Denied:
        """The declared tool `name`, ready to be called, or the report that there is none. Only successes are kept."""
        tool = self._tools.get(name)
        if tool is None:
            return unknown(f"no tool named '{name}'{suggestion(name, {*self._actions, *self._tools})}")
        if not self._allowed(tool.kind):
            return Denied(f"{tool.kind} tools need --allow {tool.kind}")
        if tool.kind == "process":
            return self._process(name, tool)
        from trellis.dispatch.targets import find

        function = find(tool.python, self._base)
        if isinstance(function, Failed):
            return function
        try:
            return Action(name, function, self._threads, effect=tool.effect, timeout_s=tool.timeout)
        except TypeError as error:
            return invalid(f"'{tool.python}' cannot be an action: {error}")

    def _process(self, name: str, tool: Tool) -> _Attempts | Failed:
        from trellis.dispatch.process import Process

        try:
            return Process(tool, base=self._base, grace_s=self._grace_s)
        except ValueError as error:
            return invalid(f"the command of '{name}' cannot be read: {error}")
