"""What a mutation came to: executed, canceled, or queued with the tick at which it will run."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple


class Result(NamedTuple):
    """The answer to a mutation. False exactly when it was canceled.

    `tick` is 0 when executed, 1 when canceled; when queued, the queue tick at which it runs, 2 for one that was
    prepended.
    """

    value: Literal["executed", "canceled", "queued"]
    tick: int = 0

    def __bool__(self) -> bool:
        return self.value != "canceled"

    def __str__(self) -> str:
        return self.value


EXECUTED: Final = Result("executed", 0)
CANCELED: Final = Result("canceled", 1)
PREPENDED: Final = Result("queued", 2)
