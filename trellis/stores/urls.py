"""No password of a URL is shown: not one that stands where libraries look for it, and not one that was written wrongly."""

from __future__ import annotations

_LOCAL = ("sqlite", "file", "memory")
_PORT = frozenset("0123456789,")


def masked(url: str) -> str:
    """The URL as it may be shown: `***` where a password is, or may be."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme in _LOCAL:
        return url
    bare = rest.lstrip("/")
    head = url[: len(url) - len(bare)]
    base, question, query = divided(bare)
    if any("@" in name or not equals for name, equals, _ in _parts(query)):
        # That `?` stands in a password, like whatever comes before the last @.
        at = bare.rfind("@") + 1
        after, question, query = bare[at:].partition("?")
        base = bare[:at] + after
    told = "&".join(f"{name}=***" if _secret(name) else name + equals + value for name, equals, value in _parts(query))
    return head + _base(base) + question + told


def divided(url: str) -> tuple[str, str, str]:
    """What is before the query, the `?`, and the query; a password may have a `?` in it, as libpq reads it."""
    start = url.find("://") + 3 if "://" in url else 0
    at, slash = url.find("@", start), url.find("/", start)
    mark = url.find("?", at if at != -1 and (slash == -1 or at < slash) else start)
    return (url, "", "") if mark == -1 else (url[:mark], "?", url[mark + 1 :])


def _base(base: str) -> str:
    before, at, after = base.rpartition("@")
    if at:
        user, colon, _ = before.partition(":")
        return user + (":***" if colon else "") + at + after
    place = base.partition("/")[0]
    host, colon, port = place.partition(":")
    if colon and not place.startswith("[") and "," not in place and not _PORT.issuperset(port):
        return host + ":***"  # no port is like that, but a password whose @ was forgotten, or stands behind a ? of it
    return base


def _parts(query: str) -> list[tuple[str, str, str]]:
    return [part.partition("=") for part in query.split("&") if part]


def _secret(name: str) -> bool:
    if "%" in name:
        from urllib.parse import unquote

        name = unquote(name)
    return "password" in name
