"""A document in the house style: it means what it meant, every comment is there, and formatted again it stays as it is."""

from __future__ import annotations

import re
from itertools import islice

import msgspec

from trellis.authoring.layout import laid_out
from trellis.errors import TrellisError
from trellis.loaders.markdown import front_of
from trellis.loaders.text import decode
from trellis.loaders.tree import Tree, parse_tree
from trellis.model.problems import Problem

_LINE_END = re.compile("\r\n|\r|\n")


class Formatted(msgspec.Struct, frozen=True):
    """The text of a document in the house style; None where it cannot be read, which the problems tell of."""

    text: str | None
    problems: tuple[Problem, ...] = ()


class Altered(TrellisError):
    """The house style would change what a document means. It is a fault of ours, and nothing is written."""


def formatted(path: str, data: bytes) -> Formatted:
    """A document in the house style, with line feeds and no byte order mark.

    Of a Markdown file it is the front matter alone, whose lines end as they did; one without is left as it is. Raises
    Altered.
    """
    if path.endswith(".md"):
        return _front_matter(path, data)
    tree, problems = parse_tree(path, data)
    if tree is None:
        return Formatted(None, tuple(problems))
    return Formatted(_laid_out(path, tree))


def _laid_out(path: str, tree: Tree) -> str:
    text = laid_out(tree)
    if text != tree.text and not _same(tree.value, text):
        raise Altered(f"{path}: the house style would change what it means; it is left as it is")
    return text


def _same(value: object, text: str) -> bool:
    # What cannot be read whole may still have the value up to its fault.
    tree, _ = parse_tree("", text.encode())
    # As JSON, since True == 1 in Python, and with the order of keys.
    return tree is not None and msgspec.json.encode(value) == msgspec.json.encode(tree.value)


def _front_matter(path: str, data: bytes) -> Formatted:
    text, problems = decode(path, data)
    if problems:
        return Formatted(None, problems)
    front = front_of(text)
    if front is None or front.yaml is None:
        return Formatted(data.decode())
    # It begins at the first line of the file, so problems have the places that they have in the file.
    tree, faults = parse_tree(path, front.yaml.encode())
    if tree is None:
        return Formatted(None, tuple(faults))
    made = _laid_out(path, tree)
    return Formatted(_with_front(data.decode(), front.yaml, made))


def _with_front(text: str, before: str, front: str) -> str:
    """A Markdown file with other front matter: all behind it stays, and its lines end as those of the file do."""
    if front == before:
        return text
    ends = [match.end() for match in islice(_LINE_END.finditer(text), before.count("\n"))]
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    return mark + front.replace("\n", "\r\n" if "\r\n" in text else "\n") + text[ends[-1] :]
