"""The JSON Schemas of what authors write, as they ship; all are views of the one that the checker goes by."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

SCHEMA = dict[str, Any]

_TITLES = {
    "graph": "Trellis graph",
    "state-schema": "Trellis state schema",
    "tools": "Trellis tool catalogue",
    "node": "Trellis node",
}
WRITTEN = tuple(_TITLES)
"""What there is a schema for: the documents, and the node that has a file of its own."""


def schema_of(name: str) -> SCHEMA:
    """The schema of one of WRITTEN, for a caller who may change it. Its `$id` needs no network: it is a name."""
    schema = msgspec.json.decode(_data())
    assert isinstance(schema, dict)
    if name == "graph":
        return schema
    head = {"$schema": schema["$schema"], "$id": f"urn:trellis:{name}:1", "title": _TITLES[name]}
    if name == "node":
        about = {"description": "A node of a graph that is a folder: a file of its own, with the name of the node."}
        return head | about | {"$ref": "#/$defs/node", "$defs": schema["$defs"]}
    of_graphs = {"nodes", *(key for key, needed in schema["dependentRequired"].items() if "nodes" in needed)}
    for keyword in ("dependentRequired", "if", "then"):
        del schema[keyword]
    if name == "state-schema":
        schema["description"] = "States and their relations, for graphs that name this document in `schema`."
        schema["anyOf"] = [{"required": ["states"]}, {"required": ["extends"]}]
    else:
        schema["description"] = "Names for code, and nothing else."
        schema["required"] = ["trellis", "tools"]
        of_graphs |= {"extends", "states", "groups"}
        del schema["anyOf"]
    schema["properties"] = {key: part for key, part in schema["properties"].items() if key not in of_graphs}
    return schema | head


@cache
def _data() -> bytes:
    from pkgutil import get_data

    data = get_data("trellis.loaders", "schemas/graph.schema.json")
    assert data is not None
    return data


@cache
def graph_schema() -> SCHEMA:
    """The schema of a graph, kept: nobody changes it."""
    return schema_of("graph")
