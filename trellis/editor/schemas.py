"""The JSON Schemas of what authors write, as they ship; all are views of the one that the checker goes by."""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

SCHEMA = dict[str, Any]

_TITLES = {
    "graph": "Trellis graph",
    "head": "Head of a Trellis graph that is a folder",
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
    if name == "head":
        about = {"description": "A graph whose nodes, and so its start, may be in other files of its folder."}
        return without_nodes(schema) | head | about
    of_graphs = {"nodes", *(key for key, needed in schema["dependentRequired"].items() if "nodes" in needed)}
    schema = without_nodes(schema)
    if name == "state-schema":
        schema["description"] = "States and their relations, for graphs that name this document in `schema`."
        schema["anyOf"] = [{"required": ["states"]}, {"required": ["extends"]}]
    else:
        schema["description"] = "Names for code, and nothing else."
        schema["required"] = ["trellis", "tools"]
        of_graphs |= {"extends", "states", "groups"}
    schema["properties"] = {key: part for key, part in schema["properties"].items() if key not in of_graphs}
    return schema | head


def without_nodes(schema: SCHEMA) -> SCHEMA:
    """The schema of a graph that may have its nodes elsewhere."""
    return {
        keyword: part for keyword, part in schema.items() if keyword not in ("anyOf", "dependentRequired", "if", "then")
    }


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
