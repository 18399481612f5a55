"""A document with the cursor in it, written as `|`, and what is answered there."""

from __future__ import annotations

from collections.abc import Mapping

from trellis.editor.completion import Item, complete
from trellis.editor.hover import hover
from trellis.editor.links import definitions, references
from trellis.editor.names import Drawn, Project
from trellis.project.loaders import Loader, MemoryLoader

HEAD = """trellis: 1
start: a
fields:
  env: {type: string, enum: [staging, prod], description: Where to.}
  server: {type: {id: string, port: integer}, optional: true}
  verdict: {type: approval, optional: true}
  hosts: {type: [{name: string}], default: []}
signals:
  fault: {error: string}
states:
  Up: {remove: [Down]}
  Down: {}
tools:
  ops.create: {python: "actions:create"}
  ops.check: {process: [./check.sh, "{{ args.kind }}"]}
nodes:
  a:
    say: Hi
    ask: {choice: env}
    to: b
"""
LAST = "  c: {to: $end}\n"


class Typing:
    """One document being written, `text` with its cursor, in a project of these others."""

    def __init__(self, text: str, name: str = "g.yaml", others: Mapping[str, str] | None = None) -> None:
        self.offset = text.index("|")
        self.text = text[: self.offset] + text[self.offset + 1 :]
        self.name = name
        loader: Loader = MemoryLoader({name: self.text, **(others or {})})
        self.project = Project(loader)

    @property
    def drawn(self) -> Drawn:
        found = self.project.document(self.name)
        assert found is not None
        return found

    def items(self) -> list[Item]:
        return complete(self.project, self.name, self.text, self.offset)

    def labels(self) -> list[str]:
        return [item.label for item in self.items()]

    def taking(self, label: str) -> str:
        """The text once that was chosen."""
        item = next(item for item in self.items() if item.label == label)
        return self.text[: item.start] + item.insert + self.text[item.end :]

    def hover(self) -> str:
        found = hover(self.project, self.drawn, self.offset)
        return found.text if found is not None else ""

    def definitions(self) -> list[str]:
        return [
            self._shown(link.name, link.start, link.end) for link in definitions(self.project, self.drawn, self.offset)
        ]

    def references(self) -> list[str]:
        return [
            self._shown(link.name, link.start, link.end) for link in references(self.project, self.drawn, self.offset)
        ]

    def _shown(self, name: str, start: int, end: int) -> str:
        """`g.yaml:3 env`: the line, and the characters in it."""
        found = self.project.document(name)
        assert found is not None
        return f"{name}:{found.text.count(chr(10), 0, start) + 1} {found.text[start:end]}"
