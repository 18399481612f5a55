"""What each code of a problem means: a page a code, in this folder, which says it, shows it broken and mended, and helps.

A page is Markdown: its title is what the code says, the text below it is why that matters. `## Wrong` holds the documents
that have the problem, the first of which is checked, and what is then said of it; `## Right` holds a document that has
none; `## What to do` begins with the answer in one paragraph. A document is in a block of YAML, and of Python where its bytes
can be no text: then the block is an expression that gives them. It is named by its first line, `# file: NAME`, and graph.yaml
without one. A line `…` among what is said stands for any other problems.
"""

from __future__ import annotations

import re

import msgspec

HOME = "../../"
"""What the links of a page begin with: they lead from this folder into the project's."""


class Sample(msgspec.Struct, frozen=True):
    """One document: its file's name, and its text; or the Python expression that gives its bytes."""

    name: str
    text: str = ""
    made_by: str = ""


class Page(msgspec.Struct, frozen=True):
    """One page in its parts: text is Markdown, `problems` are lines as `trellis validate` prints them."""

    code: str
    says: str
    why: str
    wrong: tuple[Sample, ...]
    problems: tuple[str, ...]
    right: tuple[Sample, ...]
    do: str


def codes() -> tuple[str, ...]:
    """Every code that has a page: by their numbers, and errors before warnings of the same number."""
    from importlib.resources import files  # only for a list of what there is

    names = [entry.name.removesuffix(".md") for entry in files("trellis.pages").iterdir() if entry.name.endswith(".md")]
    return tuple(sorted(names, key=lambda code: (code[1:], code[0])))


def page(code: str) -> Page:
    """The page of a code. Raises KeyError for a code that has none."""
    return parse(code, source(code))


def source(code: str) -> str:
    """The page of a code as it is written. Raises KeyError for a code that has none."""
    from pkgutil import get_data

    if not re.fullmatch(r"[EW][0-9]{3}", code):
        raise KeyError(code)
    try:
        data = get_data("trellis.pages", f"{code}.md")  # the package's own data, not a file of the user's
    except OSError:
        raise KeyError(code) from None
    assert data is not None
    return data.decode()


def parse(code: str, text: str) -> Page:
    """A page of its Markdown. Raises ValueError where a part is missing or there is another one."""
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    parts = {title.strip(): body for title, _, body in (section.partition("\n") for section in sections)}
    title, _, why = head.partition("\n")
    known, _, says = title.removeprefix("# ").partition(": ")
    if known != code or not says or list(parts) != ["Wrong", "Right", "What to do"]:
        raise ValueError(f"{code}: a page has a title, `## Wrong`, `## Right` and `## What to do`")
    wrong, problems = _samples(parts["Wrong"])
    right, none = _samples(parts["Right"])
    if not problems or not right or none:
        raise ValueError(f"{code}: wrong documents have problems, and right ones none")
    return Page(code, says, why.strip(), wrong, problems, right, parts["What to do"].strip())


def _samples(section: str) -> tuple[tuple[Sample, ...], tuple[str, ...]]:
    samples: list[Sample] = []
    problems: list[str] = []
    for language, body in re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL):
        if language == "text":
            problems += body.splitlines()
            continue
        named = re.match(r"# file: (\S+)\n", body)
        name = named[1] if named else "graph.yaml"
        samples.append(Sample(name, made_by=body.strip()) if language == "python" else Sample(name, body))
    return tuple(samples), tuple(problems)


def plain(text: str) -> str:
    """Markdown as a terminal shows it: no marks of headings, blocks indented, links as the paths they lead to."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            lines.append(f"    {line}".rstrip())
        else:
            lines.append(re.sub(r"\[([^]]+)\]\(([^)#]+)[^)]*\)", _link, line.lstrip("#").lstrip()))
    return "\n".join(lines) + "\n"


def _link(found: re.Match[str]) -> str:
    words, path = found[1], found[2].removeprefix(HOME)
    return words if words.strip("`") == path else f"{words} ({path})"
