"""A secret is a seal in the data and a value in the host's memory; the two meet only where a tool is called.

The seal is an ordinary text, so that it can stand inside another one ("Bearer {{ token }}"). It begins and ends
with an invisible character that no data from outside may hold next to the word, or data could ask for a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from trellis.model.values import Value

_EDGE = "\u2063"
MARK = f"{_EDGE}secret:"
"""What no value from outside may contain."""
MASK = "***"
"""What people see in place of a secret."""
_SEAL = re.compile(f"{_EDGE}secret:([^{_EDGE}]*){_EDGE}")
_SHORT = 4  # a shorter one stands in many texts by chance


def seal(name: str) -> str:
    """The text that stands for the secret field `name`."""
    return f"{MARK}{name}{_EDGE}"


def sealed_names(value: Value) -> set[str]:
    """The names of the secrets that `value` asks for, in its keys too."""
    return {name for text in _texts(value) for name in _SEAL.findall(text)}


def reveal(value: Value, secrets: Mapping[str, str]) -> Value:
    """A copy of `value` with every seal replaced, in keys too. Raises KeyError for a secret that is not known."""
    return _rewritten(value, lambda text: _SEAL.sub(lambda seal: secrets[seal[1]], text))


def conceal(value: Value, secrets: Mapping[str, str]) -> Value:
    """A copy of `value` with every secret sealed again that a tool gave back. Secrets under 4 characters are left."""
    names = {secret: name for name, secret in secrets.items() if len(secret) >= _SHORT}
    if not names:
        return value
    # The longest first, since a secret may hold another one; all at once, since a seal may hold one too.
    found = re.compile("|".join(re.escape(secret) for secret in sorted(names, key=len, reverse=True)))
    return _rewritten(value, lambda text: found.sub(lambda secret: seal(names[secret[0]]), text))


def unsealed(text: str) -> str:
    """The text without what seals are made of: what a tool says of itself asks for no secret."""
    return text.replace(_EDGE, "")


def mask(value: Value) -> Value:
    """A copy of `value` for people: seals become MASK."""
    return reveal(value, _Masks()) if sealed_names(value) else value


def _rewritten(value: Value, rewrite: Callable[[str], str]) -> Value:
    if isinstance(value, str):
        return rewrite(value)
    if isinstance(value, list):
        return [_rewritten(item, rewrite) for item in value]
    if isinstance(value, dict):
        return {rewrite(key): _rewritten(item, rewrite) for key, item in value.items()}
    return value


class _Masks(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return MASK


def _texts(value: Value) -> list[str]:
    if isinstance(value, str):
        return [value] if MARK in value else []
    if value is None or isinstance(value, int | float):
        return []
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [text for key, item in value.items() for text in (*_texts(key), *_texts(item))]
