"""E205: every tool that is called is declared in `tools`, or registered by the host."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Site, Steps, View, notices
from trellis.model.graph import Call
from trellis.model.problems import Problem

CODES = ("E205",)


def check(view: View) -> Iterator[Problem]:
    """One problem for each unknown tool of each call, here or in an undo."""
    declared = {*(view.document.data.get("tools") or {}), *view.lost("tools")}  # type: ignore[union-attr]
    for site in view.sites.values():
        node = site.node
        # A call of a tool that is declared is sound, and that is nearly every one.
        if node.do is not None and (node.do.tool not in declared or node.do.allow):
            yield from _call(view, site, node.do, site.data, site.steps, declared)
        undo = node.undo.call if node.undo is not None else None
        if undo is not None and (undo.tool not in declared or undo.allow):
            yield from _call(view, site, undo, site.data["undo"], (*site.steps, "undo"), declared)
        for notice, data, steps in notices(site):
            if notice.call is not None:
                yield from _call(view, site, notice.call, data, steps, declared)


def _call(
    view: View, site: Site, call: Call, data: dict[str, Any], steps: Steps, declared: set[Any]
) -> Iterator[Problem]:
    written = data["do"]
    here = (*steps, "do") if isinstance(written, str) else (*steps, "do", "tool")
    if "{{" in call.tool and not call.allow:
        message = f"data chooses the tool of {site.shown}, but nothing says which it may choose"
        hint = 'write do: {tool: "…", allow: [name, …]}'
        yield view.problem("E205", message, here, hint=hint)
        return
    if view.tools is None or view.lost() & {"tools"}:
        return
    named = [(call.tool, here)] if "{{" not in call.tool else []
    named += [(name, (*steps, "do", "allow", place)) for place, name in enumerate(call.allow)]
    for name, place in named:
        if name not in declared and name not in view.tools:
            hint = view.guesses.hint("tool", name, map(str, (*declared, *view.tools))) or "declare it in `tools`"
            yield view.problem("E205", f"no tool named '{name}'", place, hint=hint)
