"""E224, W310: a text has each language once, and is there in every language that another text of the graph has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trellis.compiler.sites import Site, Steps, View, notices
from trellis.model.problems import Problem
from trellis.model.saying import Saying, languages, parts

CODES = ("E224", "W310")


def check(view: View) -> Iterator[Problem]:
    """An error for a language that a text has twice; a warning for each text that lacks one that others have."""
    spoken: dict[str, tuple[str, Site]] = {}
    several: list[Site] = []
    """The nodes that say more than one plain text."""
    for site in view.sites.values():
        if isinstance(site.node.say, str | None) and not site.node.notices:
            continue
        several.append(site)
        for part in (site.node, *site.node.notices):
            for tag in languages(part.say):
                spoken.setdefault(_language(tag), (tag, site))
    if not spoken:
        return
    complete: set[tuple[str, ...]] = set()
    for site in several:
        for worded, steps in _worded(site):
            if (*worded,) in complete:
                continue
            known: dict[str, str] = {}
            for tag in worded:
                if tag.lower() in known:
                    message = f"'{tag}' and '{known[tag.lower()]}' are one language"
                    yield view.problem("E224", message, (*steps, tag), key=True, hint="remove one of the two")
                known.setdefault(tag.lower(), tag)
            lacking = [found for language, found in spoken.items() if language not in map(_language, worded)]
            if not lacking and len(known) == len(worded):
                complete.add((*worded,))
            if lacking and not view.torn(*steps):
                yield _lacks(view, site, worded, steps, lacking)


def _worded(site: Site) -> Iterator[tuple[dict[str, str], Steps]]:
    """Each text of a node that is in several languages, and where it stands."""
    for saying, written, steps in ((site.node.say, site.data.get("say"), (*site.steps, "say")), *_beside(site)):
        for place, part in enumerate(parts(saying)):
            if isinstance(part.say, dict):
                yield part.say, (*steps, place, "say") if isinstance(written, list) else steps


def _beside(site: Site) -> Iterator[tuple[Saying | None, Any, Steps]]:
    for notice, written, steps in notices(site):
        yield notice.say, written.get("say"), (*steps, "say")


def _language(tag: str) -> str:
    """What is asked for by every way to speak it: `pt` of `pt-BR`."""
    return tag.partition("-")[0].lower()


def _lacks(view: View, site: Site, worded: dict[str, str], steps: Steps, lacking: list[tuple[str, Site]]) -> Problem:
    tag, other = lacking[0]
    names = " and ".join(f"'{name}'" for name, _ in lacking)
    message = (
        f"{site.shown} does not say this in {names}, as {other.shown} does: '{next(iter(worded))}' is said instead"
    )
    return view.problem("W310", message, steps, key=True, hint=f"add {tag}: …", severity="warning")
