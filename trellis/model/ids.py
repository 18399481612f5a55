"""The ids of runs: what may be one."""

from __future__ import annotations

LONGEST_ID = 200
"""Characters of the id of a run, and of that of the request which started it."""


def is_run_id(text: str) -> bool:
    """Whether a run may have this id: not empty, not too long, nothing in it that cannot be printed, no `-` first."""
    return 0 < len(text) <= LONGEST_ID and text[0] != "-" and text.isprintable()
