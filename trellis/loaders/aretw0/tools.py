"""Tools of theirs become tools of ours: programs of tools.yaml, programs that a node names itself, and those that lack."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from trellis.loaders.aretw0.names import Names
from trellis.loaders.aretw0.plans import Call

MISSING = "missing_tools"
"""The module in which a tool is looked for that nobody declares."""
_META = ("confirm_msg", "x-exec", "x-exec-command", "x-exec-args")


class Tools:
    """Declares each tool when it is first called."""

    def __init__(self, known: Mapping[str, dict[str, Any]], tell: Callable[[str, str], None]) -> None:
        self._known, self._tell = known, tell
        self._names = Names(more=".-")
        self._missing: dict[str, str] = {}
        self._variants: dict[str, dict[str, Any]] = {}
        """Name -> what it was declared as."""
        self.declared: dict[str, Any] = {}

    def name(self, call: Call, where: str) -> str:
        """What the tool of a call is called here; it is declared then, once more where it is asked about in other words."""
        made = self._tool(call, where)
        if confirm := call.metadata.get("confirm_msg"):
            made["confirm"] = _word(confirm)
        name = call.name
        while self._variants.setdefault(name, made) != made:  # the same name for another program, or other words
            name += "_"
        name = self._names(name)
        self.declared.setdefault(name, made)
        return name

    def _tool(self, call: Call, where: str) -> dict[str, Any]:
        if call.name in self._known:
            return self._program(self._known[call.name])
        if words := _inline(call.metadata):
            return {"process": [_word(word) for word in words]}
        if call.name not in self._missing:
            function = re.sub(r"\W", "_", call.name, flags=re.ASCII)
            function = f"_{function}" if function[:1].isdigit() else function
            self._missing[call.name] = f"{MISSING}:{function}"
            self._tell(where, f"tool '{call.name}' is in no tools.yaml: it fails, unless {MISSING}.py has `{function}`")
        return {"python": self._missing[call.name]}

    def extra(self, call: Call, where: str) -> dict[str, Any]:
        """What a node keeps of the metadata of its call, under `x-` keys."""
        kept: dict[str, Any] = {}
        if more := {key: value for key, value in call.metadata.items() if key not in _META}:
            kept["x-metadata"] = more
            self._tell(where, f"`metadata` ({', '.join(more)}) is kept as x-metadata; nothing reads it")
        return kept

    def _program(self, tool: dict[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = {"process": [_word(word) for word in (tool["command"], *(tool.get("args") or []))]}
        if env := tool.get("env"):
            made["env"] = {str(key): _word(value) for key, value in env.items()}
        if tool.get("description"):
            made["description"] = str(tool["description"])
        return made


def _word(word: Any) -> str:
    return str(word).replace("{{", "{{{{")


def _inline(metadata: Mapping[str, Any]) -> list[str]:
    """The words of the command line that metadata names."""
    program = metadata.get("x-exec")
    program = program if isinstance(program, dict) else {}
    command = metadata.get("x-exec-command") or program.get("command")
    words = metadata.get("x-exec-args") or program.get("args") or []
    if not command:
        return []
    return [str(command), *(words.split() if isinstance(words, str) else map(str, words))]
