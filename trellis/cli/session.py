"""One run in the foreground: its lines are shown, its questions answered, until it ends, waits or is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import NoReturn

from trellis.cli import INTERRUPTED, UNWRITABLE, discard_output, tell
from trellis.cli.keys import Keys
from trellis.cli.options import Options
from trellis.cli.output import harmless
from trellis.cli.places import command_line, host_on_temporal, not_kept, on_temporal, open_kept
from trellis.cli.screen import OutputLost, TextScreen
from trellis.cli.screens import screen_for
from trellis.cli.sources import Answers, answers_for
from trellis.cli.terminal import TerminalAnswers
from trellis.cli.typed import Unfit
from trellis.cli.words import Line, hindrance, once_more, wanted
from trellis.errors import (
    Refused,
    RunClosed,
    RunOwned,
    SecretsNeeded,
    SignalNeeded,
    StoreError,
    StoreFull,
    UnknownRun,
    UsageError,
)
from trellis.hosts.approving import ask_always
from trellis.hosts.family import Family
from trellis.hosts.local import Host, Run, inspect_run
from trellis.model.actions import CallTool
from trellis.model.values import Value
from trellis.stores.base import Store

EXIT_CODES = {
    "completed": 0,
    "failed": 1,
    "denied": 4,
    "timed_out": 5,
    "cancelled": 6,
    "rolled_back": 8,
    "rollback_failed": 9,
}
"""What a run that ended with a status ends the command with."""
INPUT_NEEDED = 7

Begin = Callable[[Host, Mapping[str, str]], Awaitable[Run]]
"""Starts or resumes a run on a host, given the secrets that it needs again."""


def hold(begin: Begin, options: Options) -> int:
    """Begin a run, or go on with one, and stay with it. Gives the exit code; raises TrellisError."""
    screen = screen_for(options.output)
    answers = answers_for(options, screen)
    way = WayBack(options)
    log, silence = logging.getLogger("trellis"), logging.NullHandler()
    log.addHandler(silence)  # whoever stays with a run is told all of it in other words
    try:
        with screen.alone():
            return asyncio.run(_hold(begin, options, screen, answers, way))
    except KeyboardInterrupt:
        tell("interrupted")
        way.tell()
        return INTERRUPTED
    except StoreFull as error:
        tell(f"error: {error}")
        way.tell()
        return error.exit_code
    finally:
        log.removeHandler(silence)
        restore(answers)


def restore(answers: Answers) -> None:
    """Leave the terminal, if that is what answers, as it was found."""
    if isinstance(answers, TerminalAnswers):
        answers.restore()


def again(screen: TextScreen, answers: Answers) -> None:
    """The process was stopped and goes on: take the terminal up again, if there is one."""
    if isinstance(answers, TerminalAnswers):
        answers.again()
    screen.again()


class WayBack:
    """How to go on with the run that is open; said once, whatever ends the command."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._run: str | None = None

    def of(self, run: str | None) -> None:
        """That run is open now; None: none is."""
        self._run = run

    def tell(self) -> None:
        """Say that the run is still open, and the command that continues it."""
        run, self._run = self._run, None
        if run is not None:
            tell(self._options.how_to_resume(run))

    def tell_uncertain(self, call: CallTool) -> None:
        """Say that nobody knows how the call ended, and the command that says so once somebody found out."""
        resolve = command_line(["runs", "resolve", call.run, call.node], self._options.place)
        tell(
            f"input needed: nobody knows whether '{call.node}' was done: "
            f"{call.tool}, attempt {call.attempt}, key {call.idempotency_key}"
        )
        tell(f"find out, then say how it ended: {resolve} --value JSON | --failed CODE | --again")

    def tell_at_once(self) -> None:
        """The same past stderr, which may be in the middle of a line."""
        if self._run is not None:
            os.write(2, harmless(f"{self._options.how_to_resume(self._run)}\n").encode(errors="replace"))


async def _hold(begin: Begin, options: Options, screen: TextScreen, answers: Answers, way: WayBack) -> int:
    with Keys(lambda: again(screen, answers)) as keys:
        if on_temporal(options.store):
            return await _hold_afar(begin, options, screen, answers, way, keys)
        store = open_kept(options.store, options.root, options.existing)
        try:
            async with Host(store, allow=options.allow, approve=ask_always if options.ask_tools else None) as host:
                try:
                    run = await begun(begin, host, store, answers, screen, way)
                except UnknownRun as error:
                    raise not_kept(error, options.store, options.root) from None
                except RunOwned as error:
                    tell(f"error: {error}")
                    look = command_line(["runs", "show", error.run], options.place)
                    tell(f"`trellis answer`, `signal` and `runs` reach it there; look at it with: {look}")
                    return error.exit_code
                except StoreFull:
                    way.of(options.existing)
                    raise
                if run is None:
                    way.tell()
                    return INPUT_NEEDED
                return await stay(Session(run, screen, answers, way, options.by), run, keys)
        finally:
            await store.close()


async def _hold_afar(
    begin: Begin, options: Options, screen: TextScreen, answers: Answers, way: WayBack, keys: Keys
) -> int:
    """The same of a run on a Temporal server: its workers drive it, and this process too where tools are allowed."""
    assert options.store is not None
    if options.ask_tools:
        raise UsageError(
            "--ask-tools asks where calls are made, and on Temporal workers make them; use `ask:` in the graph"
        )
    async with host_on_temporal(options.store, options.allow, options.root) as host:
        try:
            run = await begin(host, {})
        except UnknownRun as error:
            raise not_kept(error, options.store, options.root) from None
        return await stay(Session(run, screen, answers, way, options.by), run, keys)


async def stay(session: Session, run: Run, keys: Keys) -> int:
    """Stay with a run, and say how to go on with it where it is left open. Gives the exit code."""
    code = await stayed(session, run, keys)
    session.way.tell()
    return code


async def stayed(session: Session, run: Run, keys: Keys) -> int:
    """Stay with a run; where it is left open, its way back is to be said. Gives the exit code."""
    keys.session = session
    session.way.of(None if run.closed else run.id)
    try:
        code = await session.stay()
    except StoreError as error:
        tell(f"error: {error}")
        code = error.exit_code
    except OutputLost as error:
        code = session.lost = lost(error)
    if run.closed:
        session.way.of(None)
    session.left = True
    return code


def lost(error: OutputLost) -> int:
    """Nobody reads any more what is written. Gives the exit code."""
    discard_output()
    if error.reason:
        tell(f"error: cannot write the output: {error.reason}")
    return UNWRITABLE if error.reason else INTERRUPTED


async def begun(
    begin: Begin, host: Host, store: Store, answers: Answers, screen: TextScreen, way: WayBack
) -> Run | None:
    """The run, with the secrets that no store keeps: whoever answers is asked for them again. None where one lacks."""
    try:
        return await begin(host, {})
    except SecretsNeeded as needed:
        from trellis.cli.secrets import SecretLacking, ask_again, how_to_give, why_unread
        from trellis.hosts.vault import Vault

        way.of(needed.run)
        graph, state, _ = await inspect_run(store, needed.run)
        unread = why_unread(state, needed.names, Vault.from_environment())
        try:
            secrets = await ask_again(needed, graph, unread, answers, screen)
        except SecretLacking as lacking:
            again = once_more({"field": lacking.name, "why": unread.get(lacking.name)})
            tell(f"input needed: {again}; {lacking.reason}")
            tell(how_to_give(needed, graph))
            return None
        return await begin(host, secrets)


class TakenBack:
    """Instead of an answer: the question is asked no more."""


class Session:
    """A run, the screen it is shown on, and whoever answers its questions."""

    def __init__(
        self,
        run: Run,
        screen: TextScreen,
        answers: Answers,
        way: WayBack,
        by: str = "",
        shown: dict[str, int] | None = None,
    ) -> None:
        self._run, self._screen, self._answers, self._by = run, screen, answers, by
        self._shown = shown if shown is not None else {}
        """The number of the last line that was shown of each run."""
        self._family = Family(run)
        self.way = way
        self.left = False
        self.lost: int | None = None
        """The exit code that the loss of the output comes to."""
        """Whether nobody stays with the run any more; then its host is being closed."""
        self._asked: dict[str, Line] = {}
        """Questions that were shown and not tried yet, by node."""
        self._lacking: dict[str, Line] = {}
        """Questions that there was no answer for."""
        self._news = asyncio.Event()
        self._stop = asyncio.Event()
        self._ended: Line | None = None

    async def stay(self) -> int:
        """Show and answer until the run ends, needs input that does not come, or is to stop. Gives the exit code."""
        self._screen.follow(self._family)
        tasks = [asyncio.ensure_future(work) for work in (self._show(), self._answer(), self._stop.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
            restore(self._answers)
            self._screen.rest()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        if self._ended is not None:
            return EXIT_CODES[self._ended["status"]]
        run = self._family.waiting
        if not self.stopping and run is not None:
            tell(f"input needed: {SignalNeeded(run.id, run.waits, hopeless=run.hopeless)}")
            return INPUT_NEEDED
        if not self.stopping and self._family.uncertain:
            for call in self._family.uncertain:
                self.way.tell_uncertain(call)
            return INPUT_NEEDED
        if self.stopping or not self._lacking:
            tell("interrupted")
            return INTERRUPTED
        question = next(iter(self._lacking.values()))
        why = hindrance(question, self._by) or self._answers.lacking(question["node"])
        tell(f"input needed: {question['node']} asks for {wanted(question)}; {why}")
        return INPUT_NEEDED

    async def _show(self) -> None:
        await self._family.show(self._told, self._news.set)

    def _told(self, prefix: str, line: Line) -> None:
        if line["type"] == "run.finished" and not prefix:
            self._ended = line
        elif line["type"] == "ask":
            node = prefix + line["node"]
            self._asked[node] = {**line, "node": node, "own": line["node"]}
        number = line.get("seq")
        if number is None or number > self._shown.get(
            line["run"], 0
        ):  # else it was, before somebody came back to the run
            if number is not None:
                self._shown[line["run"]] = number
            self._screen.show(line, prefix)
        self._news.set()

    async def _answer(self) -> None:
        """Answer what is asked, in that order. Returns when a question that no time limit ends has no answer."""
        while True:
            question = self._next()
            if question is None:
                if self._stuck():
                    await asyncio.sleep(0)  # what has happened meanwhile is to be shown first
                    if self._stuck():
                        return
                await self._news.wait()
                self._news.clear()
                continue
            if hindrance(question, self._by):  # no answer is used up for it
                self._lacking[question["node"]] = question
                self._screen.unanswered(question)
                continue
            answer = await self._while_open(question | self._told_apart(question))
            if isinstance(answer, TakenBack):
                continue
            if answer is None:
                self._lacking[question["node"]] = question
                if not self._answers.interactive:
                    self._screen.unanswered(question)
                continue
            run = self._family.at(question["node"]).run
            if isinstance(answer, Unfit):
                run.refuse(question["own"], answer.reason)
                continue
            if not self._answers.interactive:
                self._screen.answered(question, answer)
            try:
                # One that does not fit is asked again by the run.
                await run.answer(question["own"], answer, by=self._by)
            except RunClosed:
                pass  # the lines that follow tell it
            except Refused as refused:
                if refused.code == "not_asked":  # the question went in the same moment
                    self._answers.give_back(question, answer)

    async def _while_open(self, question: Line) -> Value | Unfit | TakenBack:
        """The answer, None where there is none. One to a question that was taken back meanwhile is for the next one."""
        task = asyncio.ensure_future(self._answers.answer(question))
        try:
            while not task.done() and self._is_open(question) and question["node"] not in self._asked:
                self._screen.prompt_again()
                self._news.clear()
                news = asyncio.ensure_future(self._news.wait())
                await asyncio.wait((task, news), return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error  # also where a prompt could not be taken away, because its terminal has gone
        if self._is_open(question) and question["node"] not in self._asked:  # else it is asked anew, by another version
            return task.result()
        if not task.cancelled():
            self._answers.give_back(question, task.result())
        return TakenBack()

    def _told_apart(self, question: Line) -> Line:
        """The node that asks, as a part of the prompt, where another one asks for a field of that name too."""
        others = (*self._asked.values(), *self._lacking.values())
        alike = any(other.get("field") == question.get("field") for other in others)
        return {"asker": question["node"]} if alike else {}

    def _next(self) -> Line | None:
        """The question to try next, out of those that are still open."""
        self._asked = {node: question for node, question in self._asked.items() if self._is_open(question)}
        self._lacking = {node: question for node, question in self._lacking.items() if self._is_open(question)}
        node = next(iter(self._asked), None)
        return None if node is None else self._asked.pop(node)

    def _is_open(self, question: Line) -> bool:
        """Whether it is still asked. A call is asked about as it was shown: a yes is not for another visit of its node."""
        prefix, run = self._family.at(question["node"])
        if prefix + question["own"] != question["node"]:
            return False  # its run has ended
        if question["kind"] == "tool":
            asked = (question["own"], question["key"], question["attempt"])
            return any((one.node, one.key, one.attempt) == asked for one in run.proposals)
        return any(request.node == question["own"] for request in run.questions)

    def _stuck(self) -> bool:
        """No open question has an answer, and nothing else goes on that could be lost."""
        return self._family.stuck and self._lacking.keys() >= set(self._family.asking)

    def interrupted(self) -> None:
        """Lines were said besides: an open prompt is shown again below them."""
        self._news.set()

    def interrupt(self) -> None:
        """Send the signal `interrupt` to a run that takes it now; stop staying with any other."""
        taker = next((run for run in reversed(self._family.runs) if run.takes("interrupt")), None)
        if taker is not None:
            self._interrupting = asyncio.ensure_future(self._send_interrupt(taker))
        else:
            self.stop()

    def stop(self) -> None:
        """Stop staying with the run, which stays open."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    async def _send_interrupt(self, run: Run) -> None:
        try:
            await run.signal("interrupt")
        except (Refused, RunClosed):
            self.stop()  # what would have taken it has just gone

    def leave(self) -> NoReturn:
        """End the process now. The journal has all that was recorded."""
        restore(self._answers)
        self.way.tell_at_once()
        os._exit(INTERRUPTED)
