"""What a document is, told by its name and its keys; and which files it names."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Literal

from trellis.model.documents import Step

Kind = Literal["graph", "state schema", "tool catalogue", "test"]

TEST = (".test.yaml", ".test.yml")
_OF_GRAPHS = frozenset(("nodes", "start", "fields", "signals", "limits", "upon", "catch", "schema"))
_OF_SCHEMAS = frozenset(("states", "components", "extends"))


def kind_of(path: str, data: object, pruned: Collection[tuple[Step, ...]] = ()) -> Kind:
    """What the document at `path` is. One that shows nothing of it is a graph that lacks its nodes."""
    if path.endswith(TEST):
        return "test"
    keys = {*data} if isinstance(data, dict) else set()
    keys |= {steps[0] for steps in pruned if steps}
    if keys & _OF_GRAPHS:
        return "graph"
    if keys & _OF_SCHEMAS:
        return "state schema"
    return "tool catalogue" if "tools" in keys else "graph"


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
