"""A document beside those it names: what the compiler is given, since it reads no files."""

from __future__ import annotations

from collections.abc import Collection

from trellis.compiler.sites import Steps
from trellis.model.documents import Document


class Source:
    """One document: what it is, the steps of what was left out of it, and the document behind each path in it.

    `named` maps the steps of a path, as `("extends", 0)`, to its document; None where that cannot be read, which is
    told of elsewhere, or a text where the path itself is wrong: the reason, and behind `; ` what may be meant. It may lead
    round in a circle.
    """

    __slots__ = ("document", "kind", "named", "pruned")

    def __init__(self, document: Document, kind: str, pruned: Collection[Steps] = frozenset()) -> None:
        self.document, self.kind, self.pruned = document, kind, pruned
        self.named: dict[Steps, Source | str | None] = {}
