"""What the thing under the cursor is, in a few lines of Markdown."""

from __future__ import annotations

from typing import Any, NamedTuple

from trellis.editor.expressions import described, field_type
from trellis.editor.links import Meaning, entry_at, meaning, occurrence_at, uses
from trellis.editor.names import Drawn, Project
from trellis.editor.roles import Occurrence, Steps
from trellis.editor.shapes import alternatives, description_of, kinds_of, resolved, shapes_at
from trellis.editor.signatures import signature_of
from trellis.editor.sketch import value_of
from trellis.model.graph import TARGETS

VERBS = ("say", "ask", "do", "all", "race", "each", "use", "wait", "emit", "end", "set")
MOST = 12
"""How many names of nodes are listed."""


class Hover(NamedTuple):
    """Markdown about the characters `start` to `end`."""

    text: str
    start: int
    end: int


def hover(project: Project, drawn: Drawn, offset: int) -> Hover | None:
    """What is said of the character at `offset`; None where there is nothing to say."""
    occurrence = occurrence_at(drawn, offset)
    if occurrence is not None:
        meant = meaning(project, drawn, occurrence)
        if meant is not None and meant.declaration is not None and meant.home is not None:
            said = _SAID[meant.role](project, drawn, meant)
            return Hover(said, occurrence.start, occurrence.end)
    found = entry_at(drawn.root, offset)
    if found is not None:
        steps, entry = found
        said = key_said(drawn, steps)
        return Hover(said, entry.start, entry.end) if said else None
    return _function(drawn, offset)


def key_said(drawn: Drawn, steps: Steps) -> str:
    """What the key at these steps means, what it takes, and an example."""
    for shape in shapes_at(drawn.shape, steps):
        about = description_of(shape)
        words = {"object": "map", "array": "list"}
        takes = sorted({words.get(kind, kind) for kind in kinds_of(shape)})
        enums = [str(value) for one in alternatives(shape) for value in one.get("enum", ())]
        default, examples = resolved(shape).get("default"), resolved(shape).get("examples", [])
        lines = [f"**{steps[-1]}** {' | '.join(enums or takes)}".rstrip(), about]
        if default is not None:
            lines.append(f"Default: `{_plain(default)}`")
        if examples:
            lines.append(
                "```yaml\n" + "\n".join(f"{steps[-1]}: {_plain(example)}" for example in examples[:3]) + "\n```"
            )
        return "\n\n".join(filter(None, lines))
    return ""


def _plain(value: Any) -> str:
    """A value as one writes it in YAML, on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and (any(sign in value for sign in "{}[]#,\"'*&") or ": " in value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)


def node_of(drawn: Drawn, steps: Steps) -> str:
    """The node that stands around these steps, as one names it; empty outside of all."""
    if drawn.kind == "node":
        return drawn.name.rpartition("/")[2].rpartition(".")[0]
    places = [place for place, step in enumerate(steps[:-1]) if step == "nodes"]
    return ".".join(str(steps[place + 1]) for place in places)


def _nodes(found: list[str]) -> str:
    names = list(dict.fromkeys(name for name in found if name))
    more = f", and {len(names) - MOST} more" if len(names) > MOST else ""
    return ", ".join(f"`{name}`" for name in names[:MOST]) + more


def _about(written: Any) -> str:
    return str(written.get("description") or "") if isinstance(written, dict) else ""


def _field(project: Project, drawn: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None
    written = value_of(meant.declaration.part)
    declared = written if isinstance(written, dict) else {}
    lines = [f"**field** `{meant.name}`: {described(field_type(written))}", _about(written)]
    facts = [f"default `{_plain(declared['default'])}`"] if "default" in declared else []
    facts += [word for word in ("secret", "index") if declared.get(word) is True]
    facts += [f"check `{declared['check']}`"] if "check" in declared else []
    lines.append("; ".join(facts))
    writes: list[str] = []
    reads: list[str] = []
    for document, occurrence in uses(project, drawn, meant):
        if not occurrence.declares:
            (writes if is_write(occurrence) else reads).append(node_of(document, occurrence.steps))
    lines.append(f"Written by {_nodes(writes)}" if any(writes) else "No node writes it.")
    lines.append(f"Read by {_nodes(reads)}" if any(reads) else "")
    return "\n\n".join(filter(None, lines))


def is_write(occurrence: Occurrence) -> bool:
    """Whether what is named there is written."""
    steps = occurrence.steps
    return (
        steps[-1:] == ("save",)
        or "ask" in steps[-3:]
        or (steps[-3:-1] == ("set", "fields") and len(occurrence.roles) == 1)
    )


def _tool(project: Project, drawn: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None and meant.home is not None
    written = value_of(meant.declaration.part)
    declared = written if isinstance(written, dict) else {}
    lines = [f"**tool** `{meant.name}`", _about(written)]
    target = declared.get("python")
    if isinstance(target, str):
        signature = signature_of(target, project.folder(meant.home))
        if signature is None:
            lines.append(f"`{target}`: its source does not say what it takes.")
        else:
            lines += [f"```python\n{signature.shown}\n```", signature.docstring]
    elif isinstance(declared.get("process"), list):
        lines.append("```sh\n" + " ".join(map(str, declared["process"])) + "\n```")
    if "effect" in declared:
        lines.append(f"Effect: {declared['effect']}")
    callers = [node_of(document, each.steps) for document, each in uses(project, drawn, meant) if not each.declares]
    lines.append(f"Called by {_nodes(callers)}" if any(callers) else "No node calls it.")
    return "\n\n".join(filter(None, lines))


def _node(project: Project, drawn: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None and meant.home is not None
    part, home = meant.declaration.part, meant.home
    keys = {entry.key for entry in part.entries} if part.kind == "map" else set()
    written = value_of(part)
    verbs = ", ".join(verb for verb in VERBS if verb in keys)
    lines = [f"**node** `{meant.name}`" + (f": {verbs}" if verbs else ""), _about(written)]
    own = (*meant.region, meant.name) if home.kind != "node" else ()
    ways = [
        each.name
        for each in home.occurrences
        if "node" in each.roles and not each.declares and each.steps[: len(own)] == own and each.region == meant.region
    ]
    ends = [target for target in TARGETS if f"'{target}'" in repr(written)]
    come = [
        node_of(document, each.steps) or "the start"
        for document, each in uses(project, drawn, meant)
        if not each.declares
    ]
    lines.append(f"From {_nodes(come)}" if come else "Nothing leads here.")
    lines.append(f"To {_nodes([*ways, *ends])}" if ways or ends else "")
    return "\n\n".join(filter(None, lines))


def _signal(project: Project, drawn: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None
    written = value_of(meant.declaration.part)
    carried = {key: kept for key, kept in written.items() if key != "buffer"} if isinstance(written, dict) else {}
    lines = [f"**signal** `{meant.name}`" + (f": {_plain(carried)}" if carried else ", which carries nothing")]
    takers = [node_of(document, each.steps) for document, each in uses(project, drawn, meant) if not each.declares]
    lines.append(f"Taken at {_nodes(takers)}" if any(takers) else "")
    return "\n\n".join(filter(None, lines))


def _state(project: Project, drawn: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None and meant.home is not None
    written = value_of(meant.declaration.part)
    declared = written if isinstance(written, dict) else {}
    where = f", declared in {meant.home.name}" if meant.home.name != drawn.name else ""
    relations = [
        f"- {key}: {_plain(part)}" for key, part in declared.items() if key not in ("description", "entered", "exited")
    ]
    lines = [f"**state** `{meant.name}`{where}", _about(written), "\n".join(relations)]
    named = [node_of(document, each.steps) for document, each in uses(project, drawn, meant) if not each.declares]
    lines.append(f"Named by {_nodes(named)}" if any(named) else "")
    return "\n\n".join(filter(None, lines))


def _group(_: Project, __: Drawn, meant: Meaning) -> str:
    assert meant.declaration is not None
    return f"**group** `{meant.name}`: {_plain(value_of(meant.declaration.part))}"


_SAID = {"field": _field, "tool": _tool, "node": _node, "signal": _signal, "state": _state, "group": _group}


def _function(drawn: Drawn, offset: int) -> Hover | None:
    """The function of the language whose name the cursor is in."""
    import re

    from trellis.expr.functions import FUNCTIONS

    line = drawn.text.rfind("\n", 0, offset) + 1
    for word in re.compile(r"[A-Za-z_]\w*(?=\s*\()").finditer(drawn.text, line, min(offset + 200, len(drawn.text))):
        if word.start() <= offset <= word.end() and word[0] in FUNCTIONS:
            function = FUNCTIONS[word[0]]
            return Hover(f"**function** `{function.signature}` gives {function.returns}", word.start(), word.end())
    return None


def problem_said(code: str) -> str:
    """What the code of a problem means: the beginning of its page; empty for a code that has none."""
    from trellis.pages import codes, page

    if code not in codes():
        return ""
    return f"**{code}** {page(code).says}"
