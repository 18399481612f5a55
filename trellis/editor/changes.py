"""What an editor changes for its author: the house style, and a name everywhere that it stands. Texts in, edits out."""

from __future__ import annotations

from trellis.authoring.formatting import formatted
from trellis.model.edits import Edit


def formatting(name: str, text: str) -> Edit | None:
    """What lays a document out in the house style, from the first line that changes to the last; None where nothing does.

    A document that cannot be read stays as it is. Raises Altered.
    """
    laid_out = formatted(name, text.encode("utf-8", "replace")).text
    if laid_out is None or laid_out == text:
        return None
    return changed(name, text, laid_out)


def changed(name: str, before: str, after: str) -> Edit:
    """The one edit that makes `after` of `before`, in whole lines."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    same = 0
    while same < min(len(old), len(new)) and old[same] == new[same]:
        same += 1
    last = 0
    while last < min(len(old), len(new)) - same and old[-1 - last] == new[-1 - last]:
        last += 1
    start = sum(map(len, old[:same]))
    end = len(before) - sum(map(len, old[len(old) - last :]))
    return Edit(name, start, end, "".join(new[same : len(new) - last]))
