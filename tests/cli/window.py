"""A terminal that understands just what the tree of a run writes to it."""

from __future__ import annotations

import re


class Window:
    """What a terminal of some size shows after all that was written: only what the tree uses is understood."""

    def __init__(self) -> None:
        self.rows = [""]
        self.at = 0

    def write(self, text: str) -> Window:
        for part in re.findall(r"\x1b\[[?\d]*[A-Za-z]|[^\x1b]", text):
            if part == "\n":
                self.at += 1
                self.rows += [""] * (self.at + 1 - len(self.rows))
            elif part == "\x1b[J":
                self.rows[self.at :] = [""]
            elif part.startswith("\x1b[") and part.endswith("A"):
                self.at -= int(part[2:-1])
            elif part not in ("\r", "\x1b[?7l", "\x1b[?7h"):
                self.rows[self.at] += part
        return self
