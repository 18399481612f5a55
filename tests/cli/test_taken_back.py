"""An answer that comes when its question has just gone: a line is for the next question, a yes never for another call."""

from __future__ import annotations

import asyncio
from typing import Any

from trellis.cli.answers import WrittenAnswers
from trellis.cli.screen import TextScreen
from trellis.cli.session import Session, TakenBack, WayBack
from trellis.cli.typed import PipedAnswers, TypedLines
from trellis.hosts.proposals import Proposal


class Asking:
    """As much of a run as a question needs."""

    id = "r"

    def __init__(self) -> None:
        self.questions: list[Any] = []
        self.proposals: list[Proposal] = []


class Waiting:
    """Answers that come when they are let."""

    interactive = False

    def __init__(self) -> None:
        self.line: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.given_back: list[object] = []

    async def answer(self, _: object) -> str:
        return await self.line

    def give_back(self, _: object, answer: object) -> None:
        self.given_back.append(answer)


def proposal(key: str) -> Proposal:
    return Proposal("r", "a", "tool", {}, "text", "idempotent", key)


def tool(key: str) -> dict[str, Any]:
    return {"node": "a", "own": "a", "kind": "tool", "key": key, "attempt": 1}


async def session(answers: Any) -> tuple[Session, Asking]:
    run = Asking()
    return Session(run, TextScreen(), answers, WayBack(None)), run  # type: ignore[arg-type]


def test_a_line_that_comes_with_the_end_of_its_question_is_given_back() -> None:
    async def scene() -> tuple[object, list[object]]:
        answers = Waiting()
        shown, run = await session(answers)
        run.proposals = [proposal("r/a/1")]
        waiting = asyncio.ensure_future(shown._while_open(tool("r/a/1")))
        await asyncio.sleep(0)
        answers.line.set_result("y")
        run.proposals = []
        return await waiting, answers.given_back

    outcome, given_back = asyncio.run(scene())
    assert isinstance(outcome, TakenBack)
    assert given_back == ["y"]


def test_a_call_of_the_next_visit_is_another_question() -> None:
    async def scene() -> object:
        answers = Waiting()
        shown, run = await session(answers)
        run.proposals = [proposal("r/a/1")]
        waiting = asyncio.ensure_future(shown._while_open(tool("r/a/1")))
        await asyncio.sleep(0)
        run.proposals = [proposal("r/a/2")]
        shown._news.set()
        return await waiting

    assert isinstance(asyncio.run(scene()), TakenBack)


def test_what_was_given_back_is_the_next_line_and_the_next_answer() -> None:
    async def scene() -> list[Any]:
        lines = TypedLines()
        piped = PipedAnswers(lines)
        piped.give_back(tool("k"), "y")
        listed = WrittenAnswers(["a", "b"], "f")
        named = WrittenAnswers({"a": ["x", "y"], "b": "z"}, "f")
        text = {"node": "a", "kind": "text"}
        for answers in (listed, named):
            answers.give_back(text, await answers.answer(text))
        other = {"node": "b", "kind": "text"}
        return [
            await piped.answer(other),
            await listed.answer(other),
            await named.answer(other),
            await named.answer(text),
        ]

    assert asyncio.run(scene()) == ["y", "a", "z", "x"]
