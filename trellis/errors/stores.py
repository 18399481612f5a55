"""What a store or a locker could not do: nothing was written, and no run has failed by it."""

from __future__ import annotations

from trellis.errors.root import TrellisError


class StoreError(TrellisError):
    """Whatever the store was asked for did not happen. No run has failed by it: it stays as it was recorded."""

    exit_code = 2


class StoreUnavailable(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"store {url}: {reason}")


class StoreTooNew(StoreError):
    def __init__(self, url: str, found: int, known: int) -> None:
        self.url, self.found, self.known = url, found, known
        super().__init__(
            f"store {url} has format {found}, this version knows {known}: it was written by a newer trellis; "
            "upgrade trellis or name another --store"
        )


class StoreTooOld(StoreError):
    def __init__(self, url: str, found: int, known: int) -> None:
        self.url, self.found, self.known = url, found, known
        super().__init__(
            f"store {url} has format {found}, this version needs {known}: stop its hosts, then `trellis db migrate "
            f"--store {url}`"
        )


class LeaseLost(StoreError):
    def __init__(self, key: str, token: int) -> None:
        self.key, self.token = key, token
        super().__init__(
            f"the lock '{key}' was not renewed in time: another may have it since; do not write under token {token}"
        )


class StoreCorrupt(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"store {url} cannot be read: {reason}")


class StoreFull(StoreError):
    def __init__(self, url: str, reason: str) -> None:
        self.url, self.reason = url, reason
        super().__init__(f"store {url} has no room: {reason}; nothing was written, free some space and resume")


class RunOwned(StoreError):
    def __init__(self, run: str, owner: str) -> None:
        self.run, self.owner = run, owner
        super().__init__(f"run '{run}' is running elsewhere (owner {owner})")


class Conflict(StoreError):
    """`expected` is the sequence the writer meant to write, `found` the last one in the journal."""

    def __init__(self, run: str, expected: int, found: int) -> None:
        self.run, self.expected, self.found = run, expected, found
        super().__init__(f"run '{run}': cannot write event {expected}, the journal ends at {found}")
