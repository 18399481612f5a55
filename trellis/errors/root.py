"""The root of all errors, what documents, expressions and journals can have wrong, and the one that actions raise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Protocol

from trellis.errors.words import bracketed


class Located(Protocol):
    """What `InvalidGraph` needs of a problem: its one-line text."""

    def __str__(self) -> str: ...


class TrellisError(Exception):
    """The root. `exit_code` is what a command line ends with."""

    exit_code: ClassVar[int] = 1


class InvalidGraph(TrellisError):
    """Documents that cannot become a graph. `problems` holds every one, sorted by place."""

    exit_code = 3

    def __init__(self, problems: Sequence[Located]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Unreadable(TrellisError):
    """A loader has nothing to give under `name`; `reason` says why in a few words, `hint` what to try."""

    exit_code = 3

    def __init__(self, name: str, reason: str, hint: str = "") -> None:
        self.name, self.reason, self.hint = name, reason, hint
        super().__init__(f"cannot read '{name}': {reason}{bracketed(hint)}")


class ExpressionError(TrellisError):
    """Evaluation stopped: `text` is the expression, `reason` says why on this data."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        super().__init__(f"cannot evaluate `{text}`: {reason}")


class ReplayError(TrellisError):
    """Event `seq` of a journal does not follow from the ones before: the journal is not of this definition."""

    def __init__(self, run: str, seq: int, reason: str) -> None:
        self.run, self.seq, self.reason = run, seq, reason
        super().__init__(f"run '{run}' cannot be replayed at event {seq}: {reason}")


class ActionError(TrellisError):
    """Raise it in an action: `code` is the word that `catch` takes, `retryable` whether trying again may help."""

    def __init__(self, code: str, message: str = "", *, retryable: bool = True) -> None:
        self.code, self.message, self.retryable = code, message, retryable
        super().__init__(f"{code}: {message}" if message else code)


class UsageError(TrellisError):
    """The call itself is wrong; nothing was changed."""

    exit_code = 2
