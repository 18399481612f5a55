"""An edit is a value: which characters of a file's text give way to which others. Nothing here reads or writes a file."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec


class Edit(msgspec.Struct, frozen=True, order=True):
    """In the file at `path`, the characters from `start` up to `end` become `text`. `start == end` inserts.

    Places count characters (code points) of the text as it is in the file, from 0: line breaks are as written there,
    and a byte order mark is the first character.
    """

    path: str
    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """`text` after all `edits`, in whatever order they are given; every place counts in the text as it was.

    Raises ValueError where an edit lies outside of the text, two overlap or begin at one place, or not all are of one
    file. The same edit twice counts once.
    """
    parts: list[str] = []
    done = 0
    before: Edit | None = None
    for edit in sorted(set(edits)):
        if before is not None and edit.path != before.path:
            raise ValueError(f"edits of two files: {before.path} and {edit.path}")
        if not 0 <= edit.start <= edit.end <= len(text):
            raise ValueError(f"{edit.path}: no characters {edit.start} to {edit.end} in a text of {len(text)}")
        if before is not None and (edit.start < done or edit.start == before.start):
            raise ValueError(f"{edit.path}: two edits at character {edit.start}")
        parts += (text[done : edit.start], edit.text)
        done, before = edit.end, edit
    parts.append(text[done:])
    return "".join(parts)


def by_path(edits: Iterable[Edit]) -> dict[str, tuple[Edit, ...]]:
    """The edits of each file, sorted; files in the order of their paths."""
    found: dict[str, list[Edit]] = {}
    for edit in sorted(set(edits)):
        found.setdefault(edit.path, []).append(edit)
    return {path: tuple(parts) for path, parts in found.items()}
