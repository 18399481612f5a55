"""What PostgreSQL reports, told as one of our errors; the cause stays attached by the one who raises it."""

from __future__ import annotations

import psycopg

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

UNKNOWN = "whether this was written is unknown until the run is read again"

_TEXTS = {
    "25006": "it may only be read: name the primary, or add target_session_attrs=read-write to the URL",
    "28000": "the server does not let this user in; check the user, the database and pg_hba.conf",
    "28P01": "the server does not take this user with this password; check both, or ~/.pgpass",
    "42501": "this user may not do that; let the owner of the database GRANT it, or name another user",
    "53200": "the server is out of memory; try again when it has some",
    "53300": "the server takes no more connections; lower pool_size in the URL, or raise its max_connections",
    "55P03": "another process kept it locked for too long; try again when it is done",
    "57014": "the server stopped the statement, by its statement_timeout or by hand",
    "57P03": "the server is starting or stopping; try again in a moment",
}
_LOST = ("57P01", "57P02")


def translate(url: str, error: psycopg.Error, *, wrote: bool = False) -> StoreError:
    """`wrote`: the connection was lost with a write under way, so nobody knows what came of it."""
    state, reason = error.sqlstate or "", " ".join((error.diag.message_primary or str(error)).split())
    if wrote:
        return StoreUnavailable(url, f"the connection was lost, and {UNKNOWN}: {reason}")
    if state == "53100":
        return StoreFull(url, reason)
    if state in ("XX001", "XX002"):
        return StoreCorrupt(url, f"{reason}; restore the database from a backup")
    if state in ("42P01", "42703", "42883", "3F000"):
        return StoreCorrupt(url, f"{reason}; its tables are not as they were made: restore them from a backup")
    if state in _TEXTS:
        return StoreUnavailable(url, f"{_TEXTS[state]} ({reason})")
    if isinstance(error, psycopg.OperationalError) and (state in _LOST or not state):
        return StoreUnavailable(url, f"the connection was lost: {reason}")
    return StoreUnavailable(url, reason)


def translate_connect(url: str, error: psycopg.Error) -> StoreError:
    """The same where no connection came about; libpq tells why in words alone, unless the server speaks of it."""
    reason = " ".join(str(error).split())
    if error.sqlstate in _TEXTS:
        return StoreUnavailable(url, f"{_TEXTS[error.sqlstate or '']} ({reason})")
    for words, advice in (
        ("password authentication failed", _TEXTS["28P01"]),
        ("no password supplied", _TEXTS["28P01"]),
        ("no pg_hba.conf entry", _TEXTS["28000"]),
        ("too many clients", _TEXTS["53300"]),
        ("remaining connection slots", _TEXTS["53300"]),
        ("the database system is", _TEXTS["57P03"]),
        ("read-only", _TEXTS["25006"]),
        ("does not exist", "the server has no such database or role; make it with createdb or createuser"),
        ("could not translate host name", "no such host; check the URL"),
        ("failed to resolve host", "no such host; check the URL"),
        ("", "no server answers; start it, or check host and port in the URL"),
    ):
        if words in reason:
            return StoreUnavailable(url, f"{advice} ({reason})")
    return StoreUnavailable(url, reason)
