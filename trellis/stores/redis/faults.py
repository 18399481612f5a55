"""What Redis reports, told as one of our errors; the cause stays attached by the one who raises it."""

from __future__ import annotations

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ConnectionError,  # noqa: A004 - the library's own, and no OSError
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    ResponseError,
    TimeoutError,  # noqa: A004
)

from trellis.errors import StoreCorrupt, StoreError, StoreFull, StoreUnavailable

RIGHTS = "+@scripting +@read +@write +time on the keys ~PREFIX:*"
"""What the scripts need of an ACL, as Redis writes it."""
_DOUBT = "; whether this was written is unknown until the run is read again"


def translate(url: str, error: Exception, *, wrote: bool) -> StoreError:
    """What to say of the error. `wrote`: what was asked for writes, and may be carried out all the same."""
    reason = " ".join(str(error).split()) or type(error).__name__
    match error:
        case OutOfMemoryError():
            return StoreFull(url, "the server has reached its maxmemory; raise it, or delete runs")
        case AuthenticationError():
            return StoreUnavailable(url, f"{reason}; write user and password into the URL: redis://USER:PASSWORD@HOST")
        case NoPermissionError():
            return StoreUnavailable(url, f"{reason}; let its user have {RIGHTS}")
        case BusyLoadingError():
            return StoreUnavailable(
                url, "the server is still reading its data from the disk; try again when it is done"
            )
        case ReadOnlyError():
            return StoreUnavailable(url, "it is a replica, which may not be written; name the primary")
        case TimeoutError():
            return StoreUnavailable(url, f"no answer in time: {reason}{_DOUBT if wrote else ''}")
        case ConnectionError() | OSError():
            return StoreUnavailable(url, f"{reason}{_DOUBT if wrote else ''}")
        case ResponseError() if "OOM" in reason:
            return StoreFull(url, "the server has reached its maxmemory; raise it, or delete runs")
        case ResponseError() if "MISCONF" in reason:
            return StoreFull(url, "the server cannot save to its disk and refuses writes; see its log")
        case ResponseError() if "DB index" in reason:
            return StoreUnavailable(url, "the server has no database of that number; name runs apart with ?prefix=NAME")
        case ResponseError() if "READONLY" in reason:
            return StoreUnavailable(url, "it is a replica, which may not be written; name the primary")
        case ResponseError() if "BUSY" in reason:
            return StoreUnavailable(url, "the server is kept busy by a script; try again when it is done")
        case ResponseError() if "WRONGTYPE" in reason:
            return StoreCorrupt(url, f"a key of ours holds another kind of value ({reason}); name another ?prefix=")
    return StoreUnavailable(url, reason)
