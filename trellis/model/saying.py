"""What a node says: one text, a text in several languages, or a list of such of which those are said that hold.

Languages are BCP 47 tags, compared without regard to case. Of the languages of a text the first is the one for
everybody who asks for none, or for one that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from trellis.errors import InvalidLocale

Worded = str | dict[str, str]
"""One text, or a text in several languages: tag -> text."""

TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*", re.ASCII)


class Part(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the lines that a node may say: said where the expression `when` holds (None: always)."""

    say: Worded
    when: str | None = None


Saying = str | dict[str, str] | tuple[Part, ...]
"""What a node says. All texts may hold `{{ }}`."""


def parts(saying: Saying | None) -> tuple[Part, ...]:
    """What is said as a list, whatever it was written as."""
    if saying is None:
        return ()
    return saying if isinstance(saying, tuple) else (Part(saying),)


def texts(saying: Saying | None) -> Iterator[str]:
    """Every text that may be said, in every language."""
    for part in parts(saying):
        yield from (part.say,) if isinstance(part.say, str) else part.say.values()


def conditions(saying: Saying | None) -> Iterator[str]:
    """Every expression that decides what is said."""
    for part in parts(saying):
        if part.when is not None:
            yield part.when


def languages(saying: Saying | None) -> Iterator[str]:
    """The languages of all its texts, with repetitions."""
    for part in parts(saying):
        if not isinstance(part.say, str):
            yield from part.say


def first(saying: Saying) -> str:
    """The texts as they are written for those who ask for no language, those included that may not hold."""
    return "\n".join(part.say if isinstance(part.say, str) else next(iter(part.say.values())) for part in parts(saying))


def best(tags: Iterable[str], locale: str) -> str:
    """The tag that suits `locale` best: itself, else shorter and shorter, else any of its language, else the first.

    `tags` are not none. An empty `locale` is no wish.
    """
    known = {tag.lower(): tag for tag in reversed(list(tags))}
    asked = locale.lower()
    while asked:
        if asked in known:
            return known[asked]
        asked = asked.rpartition("-")[0]
    language = locale.lower().partition("-")[0]
    written = list(known.values())[::-1]
    return next((tag for tag in written if language and tag.lower().partition("-")[0] == language), written[0])


def read_locale(text: str) -> str:
    """A locale as it is kept. Raises InvalidLocale for what is no tag."""
    if TAG.fullmatch(text):
        return text
    guess = text.partition(".")[0].partition("@")[0].replace("_", "-")
    raise InvalidLocale(text, guess if TAG.fullmatch(guess) else "")
