"""Their ids and keys become names of ours, each once: what is no name is made one."""

from __future__ import annotations

import re
from collections.abc import Collection
from keyword import iskeyword

TAKEN = frozenset({"item", "index", "error", "signal", "value", "args", "true", "false", "null"})
"""What no field may be called."""


class Names:
    """Gives each of their words one name, the same whenever it is asked; `avoided` are never given."""

    def __init__(self, avoided: Collection[str] = (), more: str = "") -> None:
        self.given: dict[str, str] = {}
        """Every word that was asked for, and its name."""
        self._used = set(avoided)
        self._more = more

    def __call__(self, word: str) -> str:
        """The name of a word."""
        if word not in self.given:
            self.given[word] = self.fresh(word)
        return self.given[word]

    def fresh(self, word: str) -> str:
        """A name like the word that nothing has yet."""
        name = re.sub(f"[^A-Za-z0-9_{self._more}]", "_", word) or "_"
        if name[0].isdigit() or name[0] in self._more:
            name = f"_{name}"
        while name in self._used or iskeyword(name):
            name += "_"
        self._used.add(name)
        return name

    @property
    def changed(self) -> dict[str, str]:
        """The words that had to be changed."""
        return {word: name for word, name in self.given.items() if word != name}
