"""Answers that were written down in a file: a list in order, or a map by node. Each is used once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trellis.errors import UsageError
from trellis.hosts.lines import Line
from trellis.hosts.short import AnswerSheet
from trellis.model.values import Value


class WrittenAnswers:
    """The answers of one file. `source` is its name, for people."""

    interactive = False

    def __init__(self, data: list[Value] | dict[str, Value], source: str) -> None:
        self.source, self.data = source, data
        self._sheet = AnswerSheet(data)

    async def answer(self, question: Line) -> Value | None:
        """The next answer for this question, as a person would type it; None where there is none (any more)."""
        node, own = question["node"], question.get("own", "")
        if question.get("again") and self._sheet.names(question["field"]):
            node = question["field"]
        return self._sheet.take(node, question["kind"], own) if self._sheet.has(node, own) else None

    def give_back(self, question: Line, answer: object) -> None:  # noqa: ARG002
        """The answer was not used: whoever asks next, in a map the same node, is given it."""
        self._sheet.give_back(question["node"])

    def lacking(self, node: str) -> str:
        """Why there is no answer for `node`."""
        return f"{self.source} has {self._sheet.lacks(node)}"


def read_answers(path: str) -> WrittenAnswers:
    """The answers of a YAML or JSON file. Raises UsageError, naming the place, where it holds neither list nor map."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the answers {path}: {(error.strerror or str(error)).lower()}") from error
    value = _parse_json(path, data) if path.endswith(".json") else _parse_yaml(path, data)
    if not isinstance(value, list | dict):
        raise UsageError(f"{path}: answers are a list, or a map from node to answer, found {_found(value)}")
    return WrittenAnswers(value, path)


def _parse_json(path: str, data: bytes) -> Any:
    import msgspec

    try:
        return msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise UsageError(f"{path}: {error}") from error


def _parse_yaml(path: str, data: bytes) -> Any:
    from trellis.loaders.fast import parse_fast
    from trellis.loaders.judge import BROKEN, judge
    from trellis.loaders.text import decode

    text, problems = decode(path, data)
    value = BROKEN if problems else parse_fast(text)
    if value is BROKEN and not problems:
        verdict = judge(path, text)
        value, problems = verdict.value, tuple(verdict.problems)
    if problems:
        raise UsageError("\n".join(map(str, problems)))
    return value


def _found(value: object) -> str:
    from trellis.model.types import found

    return "nothing" if value is None else found(value)
