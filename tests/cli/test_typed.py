"""Lines of stdin come one by one, whole, without their ends."""

from __future__ import annotations

import asyncio
import io
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.cli.typed import PipedAnswers, TypedLines, Unfit


def read(data: bytes, count: int) -> list[str | Unfit | None]:
    async def take() -> list[str | Unfit | None]:
        lines = TypedLines()
        return [await lines.next() for _ in range(count)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        return asyncio.run(take())


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", [None, None]),
        (b"a", ["a", None]),
        (b"a\n", ["a", None]),
        (b"a\r\n\r\nb", ["a", "", "b", None]),
        (b"\n\n", ["", "", None]),
        (b"a\rb\n", ["a\rb", None]),
        ("é\n🙂".encode(), ["é", "🙂", None]),
        (b"caf\xe9\n5\n", [Unfit("not UTF-8: byte 0xe9"), "5", None]),
        (b"x" * 2**20 + b"\n5\n", ["x" * 2**20, "5", None]),
        (b"x" * (2**20 + 1) + b"\n5\n", [Unfit("longer than 1 MiB"), "5", None]),
        (b"x" * 3 * 2**20 + b"\n5\n", [Unfit("longer than 1 MiB"), "5", None]),
        (b"x" * 3 * 2**20, [Unfit("longer than 1 MiB"), None]),
    ],
)
def test_lines_are_cut_at_line_feeds(data: bytes, lines: list[str | Unfit | None]) -> None:
    assert read(data, len(lines)) == lines


@given(st.lists(st.text(st.characters(exclude_characters="\n\r", codec="utf-8")), max_size=20))
def test_every_line_comes_once_and_in_order(lines: list[str]) -> None:
    assert read("".join(f"{line}\n" for line in lines).encode(), len(lines) + 1) == [*lines, None]


def test_no_stdin_at_all_is_its_end() -> None:
    async def take() -> str | Unfit | None:
        return await TypedLines().next()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", None)
        assert asyncio.run(take()) is None


def test_a_line_that_nobody_waited_for_any_more_goes_to_the_next_who_does() -> None:
    read_end, write_end = os.pipe()

    async def take() -> list[str | Unfit | None]:
        lines = TypedLines()
        given_up = asyncio.ensure_future(lines.next())
        await asyncio.sleep(0)
        given_up.cancel()
        os.write(write_end, b"first\nsecond\n")
        os.close(write_end)
        return [await lines.next() for _ in range(3)]

    with pytest.MonkeyPatch.context() as patch, os.fdopen(read_end) as stdin:
        patch.setattr(sys, "stdin", stdin)
        assert asyncio.run(take()) == ["first", "second", None]


LINES = {"node": "n", "field": "f", "kind": "text", "lines": True}


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        (b"a\n\nb\n.\nc\n", ["a\n\nb", "c", None]),
        (b".\na", ["", "a", None]),
        (b"a\n. \n ..\n", ["a\n. \n ..", None]),
        (b"\n", ["", None]),
        (b"", [None]),
        (b"a\n\xe9\nb\n.\nc\n.\n", [Unfit("not UTF-8: byte 0xe9"), "c", None]),
        ((b"x" * 1023 + b"\n") * 1024 + b".\nc\n", ["\n".join(["x" * 1023] * 1024), "c", None]),
        ((b"x" * 1023 + b"\n") * 1025 + b".\nc\n", [Unfit("longer than 1 MiB"), "c", None]),
    ],
)
def test_a_text_of_several_lines_ends_at_a_dot(data: bytes, texts: list[str | Unfit | None]) -> None:
    async def take() -> list[str | Unfit | None]:
        answers = PipedAnswers(TypedLines())
        return [await answers.answer(LINES) for _ in texts]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), encoding="utf-8"))
        assert asyncio.run(take()) == texts
