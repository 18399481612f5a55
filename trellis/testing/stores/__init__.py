"""The published suite of `Store`: whoever passes it can keep the runs of a host.

Derive from `StoreContract` and say how to open an empty store. Where several owners may share one store, derive from
`SharedStoreContract` and say how to open it once more; where they hold leases, from `LeaseStoreContract`, and say how
one runs out:

    class TestMyStore(SharedStoreContract):
        def open(self) -> Store:
            return MyStore("test")

        def open_again(self) -> Store:
            return MyStore("test")

The parts, one subject each; every test says which promise it holds:

    starting    one run for an id and for a request, whole, and no more than allowed
    journal     events in order, each once, with the row that they change, or not at all
    claims      one epoch may write, and a run is free when it was let go
    keeping     the snapshot of a run, and the definitions that runs need
    finding     which rows are found, and in which order
    waking      due runs
    messages    to the living owner, and its reply
    payloads    any bytes, any text, any size
    sharing     several owners
    storms      several owners, the same thing at the same moment
    leases      owners that stop renewing
"""

from __future__ import annotations

from trellis.testing.stores.claims import ClaimsPart
from trellis.testing.stores.finding import FindingPart
from trellis.testing.stores.journal import JournalPart
from trellis.testing.stores.keeping import KeepingPart
from trellis.testing.stores.leases import LeasesPart
from trellis.testing.stores.messages import MessagesPart
from trellis.testing.stores.payloads import PayloadsPart
from trellis.testing.stores.sharing import SharingPart
from trellis.testing.stores.starting import StartingPart
from trellis.testing.stores.stories import ROW as ROW
from trellis.testing.stores.stories import create as create
from trellis.testing.stores.stories import facts as facts
from trellis.testing.stores.stories import refusal as refusal
from trellis.testing.stores.storms import StormsPart
from trellis.testing.stores.waking import WakingPart


class StoreContract(
    StartingPart, JournalPart, ClaimsPart, KeepingPart, FindingPart, WakingPart, MessagesPart, PayloadsPart
):
    """What every store promises, with one owner."""


class SharedStoreContract(StoreContract, SharingPart, StormsPart):
    """What a store promises besides, where several owners share it."""


class LeaseStoreContract(SharedStoreContract, LeasesPart):
    """What a store promises besides, where an owner lives as long as it renews its lease."""
