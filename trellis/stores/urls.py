"""No password of a URL is shown: not one that stands where libraries look for it, and not one that was written wrongly."""

from __future__ import annotations

_LOCAL = ("sqlite", "file", "memory")
_PORT = frozenset("0123456789")
_TEMPORAL, _CLAIMS = "temporal://", "claims="


def masked(url: str) -> str:
    """The URL as it may be shown: `***` where a password is, or may be."""
    head = _head(url)
    if not head or head.partition(":")[0] in _LOCAL:
        return url
    base, question, query = divided(url)
    base = base[len(head) :]
    place = base.partition("/")[0]
    host, colon, port = place.partition(":")
    if head == _TEMPORAL and "@" not in base and _claims_alone(query):
        return head + base + question + "&".join(map(_claimed, query.split("&")))
    if "@" in query:
        # Whether it stands in a value or ends a password, nobody knows; so nothing is shown that may be of one.
        return head + (base.partition(":")[0] + ":***" if ":" in base else base) + "?***"
    if "@" in base:
        before, at, after = base.rpartition("@")
        user, colon, _ = before.partition(":")
        base = user + (":***" if colon else "") + at + after
    elif colon and "," not in place and not place.startswith("[") and not _PORT.issuperset(port):
        base = host + ":***"  # a password whose @ was forgotten
    parts = (part.partition("=") for part in query.split("&"))
    told = (f"{name}=***" if _secret(name) else name + equals + value for name, equals, value in parts)
    return head + base + question + "&".join(told)


def divided(url: str) -> tuple[str, str, str]:
    """What is before the query, the `?`, and the query; a password may have a `?` in it, as libpq reads it."""
    start = len(_head(url))
    at, slash = url.find("@", start), url.find("/", start)
    mark = url.find("?", at if at != -1 and (slash == -1 or at < slash) else start)
    return (url, "", "") if mark == -1 else (url[:mark], "?", url[mark + 1 :])


def _head(url: str) -> str:
    scheme, colon, rest = url.partition(":")
    return scheme + colon + ("//" if rest.startswith("//") else "") if colon else ""


def _claims_alone(query: str) -> bool:
    """Whether this has a store of claims and a queue at most: else an `&` may be one of a password."""
    others = [part for part in query.split("&") if not part.startswith(_CLAIMS)]
    return query.count(_CLAIMS) == 1 and all(
        part.startswith("queue=") and "@" not in part and "%" not in part for part in others
    )


def _claimed(part: str) -> str:
    """A part of the query of a server's URL; the store that it names as that may be shown."""
    if not part.startswith(_CLAIMS):
        return part
    from urllib.parse import unquote

    return _CLAIMS + masked(unquote(part.removeprefix(_CLAIMS)))


def _secret(name: str) -> bool:
    if "%" in name:
        from urllib.parse import unquote

        name = unquote(name)
    return "password" in name
