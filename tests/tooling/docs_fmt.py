"""Documents in fenced blocks of the documentation, laid out in the house style where they stand.

python -m tests.tooling.docs_fmt      lays out all ```yaml blocks but those that are refused, or `as it is`; prints the
                                      pages it changed
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.tooling.docs_blocks import pages
from tests.tooling.fences import FENCE
from trellis.authoring.formatting import formatted


def laid_out(match: re.Match[str]) -> str:
    """A fenced block, its document in the house style."""
    indent, _, info, body = match.groups()
    language, *rest = info.split() or [""]
    if language != "yaml" or {"refused", "as"} & {*rest}:
        return match[0]
    made = formatted("block.yaml", re.sub(f"^{indent}", "", body, flags=re.MULTILINE).encode()).text
    if made is None:
        return match[0]
    return match[0].replace(body, re.sub(r"^(?=.)", indent, made, flags=re.MULTILINE), 1)


def mend(page: Path) -> bool:
    """Lay out the documents of a page; whether any has changed."""
    before = page.read_text("utf-8")
    after = FENCE.sub(laid_out, before)
    if after != before:
        page.write_text(after, "utf-8")
    return after != before


if __name__ == "__main__":
    print("\n".join(str(page) for page in pages() if mend(page)))
