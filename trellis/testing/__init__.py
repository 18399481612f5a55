"""What a third party holds its own store, dispatcher, locker or loader against, and a clock that is turned by hand.

    StoreContract, SharedStoreContract,
    LeaseStoreContract                    trellis.testing.stores
    LockerContract, SharedLockerContract  trellis.testing.lockers
    DispatcherContract                    trellis.testing.dispatchers
    LoaderContract                        trellis.testing.loaders
    ManualClock                           trellis.testing.clocks
    assert_states, assert_clock, ...      trellis.testing.machines

Names are imported when first asked for: a host that takes the clock does not load the suites.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trellis.testing.clocks import ManualClock as ManualClock
    from trellis.testing.dispatchers import DispatcherContract as DispatcherContract
    from trellis.testing.loaders import LoaderContract as LoaderContract
    from trellis.testing.lockers import LockerContract as LockerContract
    from trellis.testing.lockers import SharedLockerContract as SharedLockerContract
    from trellis.testing.machines import assert_active as assert_active
    from trellis.testing.machines import assert_clock as assert_clock
    from trellis.testing.machines import assert_error as assert_error
    from trellis.testing.machines import assert_inactive as assert_inactive
    from trellis.testing.machines import assert_no_error as assert_no_error
    from trellis.testing.machines import assert_states as assert_states
    from trellis.testing.machines import wait_for as wait_for
    from trellis.testing.stores import LeaseStoreContract as LeaseStoreContract
    from trellis.testing.stores import SharedStoreContract as SharedStoreContract
    from trellis.testing.stores import StoreContract as StoreContract

_HOMES = {
    "ManualClock": "clocks",
    "DispatcherContract": "dispatchers",
    "LoaderContract": "loaders",
    "LockerContract": "lockers",
    "SharedLockerContract": "lockers",
    "LeaseStoreContract": "stores",
    "SharedStoreContract": "stores",
    "StoreContract": "stores",
    "assert_active": "machines",
    "assert_clock": "machines",
    "assert_error": "machines",
    "assert_inactive": "machines",
    "assert_no_error": "machines",
    "assert_states": "machines",
    "wait_for": "machines",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trellis.testing' has no attribute '{name}'")
    from importlib import import_module

    return getattr(import_module(f"trellis.testing.{home}"), name)
