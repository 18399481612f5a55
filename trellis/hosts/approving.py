"""Before a tool is called somebody may have to say yes: a policy in code, or whoever answers the questions of the run.

Only a yes is one. A call that is not allowed was not made, and fails as `denied`; a yes is remembered in memory alone, so
whoever resumes a run asks again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from trellis.hosts.live import LiveRun
from trellis.hosts.proposals import NOT_ALLOWED, Pending, Proposal
from trellis.model.actions import CallTool, Denied
from trellis.model.redaction import Redactor
from trellis.model.secrets import mask
from trellis.model.values import Value

if TYPE_CHECKING:
    from trellis.expr.template import Template

log = logging.getLogger("trellis")


class Asking:
    """The verdict of a policy that leaves it to whoever answers the questions of the run. There is one: ASK."""

    def __repr__(self) -> str:
        return "ASK"


ASK: Final = Asking()
Verdict = bool | Denied | Asking
Policy = Callable[[Proposal], Verdict | Awaitable[Verdict]]
"""Says of each call whether it may be made: True, `Denied(reason)`, or ASK. Whatever else it gives is a no."""


def ask_always(_: Proposal) -> Verdict:
    """The policy of `--ask-tools`."""
    return ASK


class Gate:
    """Puts each call to the policy of a host before it is made."""

    def __init__(self, policy: Policy, redactor: Redactor) -> None:
        self._policy, self._redactor = policy, redactor
        self._templates: dict[str, Template] = {}

    def passed(self, run: LiveRun, request: CallTool) -> bool:
        """Whether the call is allowed already: a yes is for all attempts of one visit."""
        return request.idempotency_key in run.allowed

    async def judge(self, run: LiveRun, request: CallTool) -> tuple[Denied | None, str]:
        """None, or why the call is denied; and who said so. A policy that raises has denied it."""
        proposal = self._propose(run, request)
        by = ""
        try:
            verdict = self._policy(proposal)
            if isinstance(verdict, Awaitable):
                verdict = await verdict
            if isinstance(verdict, Asking):
                verdict, by = await self._ask(run, request, proposal)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise  # the call is of no more use
            return _failed(run, request, error), by
        except Exception as error:  # noqa: BLE001 - whatever a policy raises, it has not said yes
            return _failed(run, request, error), by
        if verdict is True:
            run.allowed.add(request.idempotency_key)
            return None, by
        return verdict if isinstance(verdict, Denied) else Denied(NOT_ALLOWED), by

    @staticmethod
    async def _ask(run: LiveRun, request: CallTool, proposal: Proposal) -> tuple[bool | Denied, str]:
        pending = Pending(request, proposal)
        run.propose(pending)
        try:
            return await pending.verdict
        finally:
            run.proposals.pop(request.id, None)

    def _propose(self, run: LiveRun, request: CallTool) -> Proposal:
        """What is asked about a call, without the secrets that its arguments stand for."""
        args = mask(request.args)
        assert isinstance(args, dict)
        declared = run.graph.definition.tools.get(request.tool)
        confirm = declared.confirm if declared is not None else ""
        text = self._text(confirm, request, self._redactor.value(args) if self._redactor else args)
        effect, key = run.router.effect(request.tool), request.idempotency_key
        return Proposal(
            request.run, _address(run, request), request.tool, args, text, effect, key, request.attempt, request.undo
        )

    def _text(self, confirm: str, request: CallTool, args: Value) -> str:
        """The words of the tool's `confirm`, or plain ones where it has none, or where these arguments do not fit it."""
        if not confirm:
            return _plainly(request, args)
        from trellis.errors import ExpressionError
        from trellis.expr.faults import Fault
        from trellis.expr.operators import text_of
        from trellis.expr.template import compile_template

        try:
            template = self._templates.get(confirm)
            if template is None:
                template = self._templates[confirm] = compile_template(confirm)
            said = template.evaluate({"args": args})
            return said if isinstance(said, str) else text_of(said)
        except (ExpressionError, Fault) as error:
            return f"{_plainly(request, args)} (its `confirm` cannot be said: {error})"


def _address(run: LiveRun, request: CallTool) -> str:
    """Where the question is answered: what goes on beside a question of the same node has a path of its own."""
    beside = run.state.open[request.id].beside
    number = request.idempotency_key.rpartition("/")[2]
    return f"{request.node}.{beside}[{number}]" if beside else request.node


def _failed(run: LiveRun, request: CallTool, error: BaseException) -> Denied:
    log.warning("run '%s': the policy that '%s' was put to failed: %s", run.id, request.node, type(error).__name__)
    return Denied(f"the policy failed: {type(error).__name__}: {error}".removesuffix(": "))


def _plainly(request: CallTool, args: Value) -> str:
    written = f" with {msgspec.json.encode(args).decode()}" if args else ""
    return f"{'undo: ' if request.undo else ''}call {request.tool}{written}"
