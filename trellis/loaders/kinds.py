"""What a document is, told by its name and its keys; and which files it names.

A node in a file of its own is a part of one: the folder that it is in is the document."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from trellis.loaders.rules import node_rule
from trellis.model.documents import Step
from trellis.model.folders import TESTS

Kind = Literal["graph", "state schema", "tool catalogue", "test", "node"]

_OF_GRAPHS = frozenset(("nodes", "start", "fields", "signals", "limits", "upon", "catch", "schema"))
_OF_CATALOGUES = frozenset(("trellis", "name", "version", "description", "tools"))
_OF_SCHEMAS = frozenset(("states", "components", "extends"))
_OF_DOCUMENTS = (_OF_GRAPHS - {"upon", "catch"}) | _OF_SCHEMAS | {"trellis", "tools"}


def kind_of(path: str, data: object, pruned: Collection[tuple[Step, ...]] = ()) -> Kind:
    """What the document at `path` is. One that shows nothing of it is a graph that lacks its nodes."""
    if path.endswith(TESTS):
        return "test"
    if path.endswith(".md"):
        return "node"
    keys = {*data} if isinstance(data, dict) else set()
    keys |= {steps[0] for steps in pruned if steps}
    if keys.isdisjoint(_OF_DOCUMENTS) and not keys.isdisjoint(node_rule().needs):
        return "node"
    if keys & _OF_GRAPHS:
        return "graph"
    if keys & _OF_SCHEMAS:
        return "state schema"
    # What has other keys too is something else whose main key is misspelled, most likely.
    return (
        "tool catalogue"
        if "tools" in keys and keys <= _OF_CATALOGUES | {key for key in keys if _is_free(key)}
        else "graph"
    )


def _is_free(key: object) -> bool:
    return isinstance(key, str) and key.startswith("x-")


def files_named(data: object) -> Iterator[tuple[tuple[Step, ...], str]]:
    """The paths in `schema` and `extends` of a document of the right shape, as written, each with its steps.

    What `extends` holds is a path where it has a `/` or a `.`; otherwise it is a mixin, which is no file.
    """
    document: dict[str, Any] = data if isinstance(data, dict) else {}
    for place, name in enumerate(document.get("extends") or ()):
        if "/" in name or "." in name:
            yield ("extends", place), name
    if "schema" in document:
        yield ("schema",), document["schema"]
