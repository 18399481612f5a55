"""What the URL of a PostgreSQL store says: what libpq is told, and what is ours. Nobody is shown its password."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from trellis.errors import StoreUnavailable
from trellis.stores.urls import divided, masked

SCHEMA = "trellis"
LEASE = 10.0  # seconds
POOL = 8  # connections

_SCHEMES = ("postgresql://", "postgres://")
_FORM = "postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_EXPECTED = f"expected {_FORM}, with % @ : / ? of a password written as %25 %40 %3A %2F %3F"
_PORTS = frozenset("0123456789,")
# A host that is cut off finds out in seconds; without these a connection waits for hours.
_DEFAULTS = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
    "application_name": "trellis",
}


class Place(msgspec.Struct, frozen=True):
    """A schema of a database. `url` may be shown; `target` is what libpq takes, with the password."""

    url: str
    target: str
    schema: str
    lease: float
    """Seconds after which an owner that did not renew is dead."""
    pool: int
    """How many connections at most carry statements."""

    @property
    def quoted(self) -> str:
        """The schema as SQL writes it."""
        return '"' + self.schema.replace('"', '""') + '"'


def parse(url: str) -> Place:
    """The place that a URL names. Raises StoreUnavailable for what is no such URL; touches nothing."""
    shown = masked(url)
    if not url.startswith(_SCHEMES):
        raise StoreUnavailable(shown, f"this is no URL of PostgreSQL; expected {_FORM}")
    base, _, query = divided(url)
    ours = {"lease": "", "schema": "", "pool_size": ""}
    theirs = []
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        if name in ours:
            ours[name] = unquote(value)
        else:
            theirs.append(part)  # as it was written: libpq does not read a + as a blank
    try:
        target = conninfo_to_dict(base + ("?" + "&".join(theirs) if theirs else ""))
    except psycopg.ProgrammingError as error:
        # What libpq quotes may be a piece of the password, so it is neither told nor attached as the cause.
        text = str(error).strip()
        known = text if text.startswith("invalid URI query parameter") else _EXPECTED
        raise StoreUnavailable(shown, f"this is no URL of PostgreSQL; {known}") from None
    if "@" in str(target.get("host", "")) or not _PORTS.issuperset(str(target.get("port", ""))):
        # Where a password is not quoted, the rest of it passes for the host or the port, and would be told as such.
        raise StoreUnavailable(shown, f"this is no URL of PostgreSQL; {_EXPECTED}")
    return Place(
        url=shown,
        target=psycopg.conninfo.make_conninfo("", **{**_DEFAULTS, **target}),
        schema=_schema(shown, ours["schema"] or SCHEMA),
        lease=_number(shown, "lease", ours["lease"], LEASE, least=0.1, most=3600.0),
        pool=int(_number(shown, "pool_size", ours["pool_size"], POOL, least=1, most=1000)),
    )


def _schema(url: str, name: str) -> str:
    if len(name.encode()) > 63 or "\0" in name or "%" in name or name.startswith("pg_"):
        reason = f"schema={name!r} cannot be the schema: at most 63 bytes, no %, and not starting with pg_"
        raise StoreUnavailable(url, reason)
    return name


def _number(url: str, name: str, text: str, default: float, *, least: float, most: float) -> float:
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise StoreUnavailable(url, f"{name}={text} is not a number from {least:g} to {most:g}")
    return number
