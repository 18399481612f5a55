"""A schema with the names of a project in it, for editors that know YAML and JSON Schema, and nothing of us.

Names are offered and never demanded: a node written a moment ago is not known here yet, and no editor may call it wrong.
So what the schema as it ships takes, this one takes too.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from typing import Any

from trellis.editor.names import Drawn, Project
from trellis.editor.roles import ROLES
from trellis.editor.schemas import schema_of, without_nodes
from trellis.editor.signatures import Signature, functions_beside, signature_of
from trellis.editor.sketch import value_of
from trellis.model.folders import HEADS
from trellis.model.graph import TARGETS
from trellis.model.mixins import MIXINS
from trellis.model.states import EXCEPTION

Schema = dict[str, Any]


def enriched(project: Project, root: str, name: str = "graph") -> Schema:
    """The schema called `name` with what is declared in the documents of the project at the folder `root`.

    Tools that a program registers are known only when it runs, so they are not here.
    """
    schema = schema_of(name)
    documents = list(project.all())
    if name == "graph" and any(_is_head(document) for document in documents):
        schema = without_nodes(schema)  # it is for every document of the project
    schema["$id"] += ":project"
    schema["title"] += ", with the names of this project"
    known = names_of(documents)
    arguments = arguments_of(documents, root)
    _offer(schema, known, {tool: said for tool, (said, _) in arguments.items()})
    tool: Any = schema["$defs"]["tool"]["properties"]["python"]
    folders = sorted({posixpath.join(root, posixpath.dirname(one.name)) for one in documents})
    functions = [function for folder in folders for function in functions_beside(folder)]
    tool["examples"] = sorted({function.name for function in functions}) or ["mytools.ops:create"]
    _say_arguments(schema, arguments)
    return schema


def _is_head(document: Drawn) -> bool:
    """Whether it is the head of a graph whose nodes are all in files of their own."""
    return (
        posixpath.basename(document.name) in HEADS
        and document.root.kind == "map"
        and document.root.get("nodes") is None
    )


def names_of(documents: Iterable[Drawn]) -> dict[str, list[str]]:
    """Role -> every name that is declared for it, sorted; those that are always there too."""
    found: dict[str, set[str]] = {role: set() for role in ROLES}
    for document in documents:
        for occurrence in document.occurrences:
            if occurrence.declares:
                found[occurrence.roles[0]].add(occurrence.name)
        found["file"] |= {occurrence.name for occurrence in document.occurrences if occurrence.roles == ("file",)}
    found["node"] |= {*TARGETS}
    found["signal"].add("interrupt")
    found["state"].add(EXCEPTION)
    found["file"] |= {*MIXINS}
    return {role: sorted(names) for role, names in found.items()}


def arguments_of(documents: Iterable[Drawn], root: str) -> dict[str, tuple[str, Schema]]:
    """Tool -> what is said of it, and of each of its arguments; tools whose arguments nobody knows have none."""
    found: dict[str, tuple[str, Schema]] = {}
    for document in documents:
        tools = value_of(document.root.get("tools")) if document.root.kind == "map" else None
        for tool, written in tools.items() if isinstance(tools, dict) else ():
            if isinstance(written, dict):
                said, arguments = tool_of(written, posixpath.join(root, posixpath.dirname(document.name)))
                before = found.get(tool, ("", {}))
                found[tool] = (before[0] or said, before[1] | arguments)
    return found


def tool_of(written: dict[str, Any], folder: str) -> tuple[str, Schema]:
    """What is known of a tool, as it is declared in a document of `folder`: a description, and schemas by argument."""
    target = written.get("python")
    if isinstance(target, str):
        signature = signature_of(target, folder)
        if signature is not None:
            return " ".join(filter(None, (signature.shown, "-", signature.docstring))).removesuffix(" -"), {
                parameter.name: _argument(signature, place) for place, parameter in enumerate(signature.parameters)
            }
        return f"{target}: its source does not say what it takes.", {}
    return "A command line.", {
        argument: {"description": "Given to the command."} for argument in process_arguments(written)
    }


def process_arguments(written: dict[str, Any]) -> list[str]:
    """The arguments that the words of a command line name, as `args.x`."""
    import re

    texts = [
        str(text) for text in [*_listed(written.get("process")), *_values(written.get("env")), written.get("confirm")]
    ]
    return sorted({name for text in texts for name in re.findall(r"\bargs\.([A-Za-z_]\w*)", text)})


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _values(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else []


def _argument(signature: Signature, place: int) -> Schema:
    parameter = signature.parameters[place]
    needed = "" if parameter.default is not None else "; needed"
    schema: Schema = {"description": f"{parameter.shown}{needed}"}
    if parameter.schema:
        schema["anyOf"] = [parameter.schema, {}]  # a text with {{ }} fits too, and only the call itself can judge
    return schema


def _offer(part: Any, known: dict[str, list[str]], tools: dict[str, str]) -> None:
    """Put the known names at every place that takes one; of tools what they are, too."""
    if isinstance(part, list):
        for item in part:
            _offer(item, known, tools)
        return
    if not isinstance(part, dict):
        return
    for value in part.values():
        _offer(value, known, tools)
    if isinstance(part.get("x-names"), str):
        names = sorted({name for role in part["x-names"].split(" or ") for name in known[role]})
        if names:
            part["anyOf"] = [{"enum": names}, {}]
            if part["x-names"] == "tool":
                part["anyOf"][0]["markdownEnumDescriptions"] = [tools.get(name, "") for name in names]
    if isinstance(part.get("x-keys"), str) and "patternProperties" in part:
        member = next(value for pattern, value in part["patternProperties"].items() if pattern != "^x-")
        offered = {name: member for name in known[part["x-keys"]] if name != "states"}
        part["properties"] = offered | part.get("properties", {})


def _say_arguments(schema: Schema, arguments: dict[str, tuple[str, Schema]]) -> None:
    """Where a call names a tool, its `with` knows the arguments."""
    takes = [
        {
            "if": {"required": ["do"], "properties": {"do": {"const": tool}}},
            "then": {"properties": {"with": {"description": said, "properties": properties}}},
        }
        for tool, (said, properties) in sorted(arguments.items())
    ]
    if not takes:
        return
    schema["$defs"]["arguments"] = {"description": "The arguments of each tool of this project.", "allOf": takes}
    for part in schema["$defs"].values():
        if isinstance(part, dict) and {"do", "with"} <= part.get("properties", {}).keys():
            part["allOf"] = [{"$ref": "#/$defs/arguments"}]
