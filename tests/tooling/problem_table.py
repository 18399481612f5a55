"""The tables of docs/problems.md are made of the pages in trellis/pages: one row a code, what it says and what to do.

python -m tests.tooling.problem_table            writes them
python -m tests.tooling.problem_table --check    exit 1 where they are not those of the pages
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from trellis.pages import HOME, codes, page

ROOT = Path(__file__).parents[2]
TARGET = ROOT / "docs/problems.md"
SECTION = re.compile(r"(^## E(\d)xx[^|]*\n\| code .*\n\|---.*\n)(?:\|.*\n)*", re.MULTILINE)


def fresh(text: str) -> str:
    """The page with its tables as they should be."""
    return SECTION.sub(lambda found: found[1] + "".join(row(code) for code in codes() if code[1] == found[2]), text)


def row(code: str) -> str:
    """One code with a link to its page, as seen from docs/."""
    found = page(code)
    do = " ".join(found.do.split("\n\n")[0].split()).replace(f"({HOME}docs/", "(")
    return f"| [{code}](../trellis/pages/{code}.md) | {found.says} | {do[:1].lower()}{do[1:].removesuffix('.')} |\n"


def main(arguments: list[str]) -> int:
    text = TARGET.read_text("utf-8")
    if "--check" not in arguments:
        TARGET.write_text(fresh(text), "utf-8")
    elif fresh(text) != text:
        print("docs/problems.md is stale; run `make docs`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
