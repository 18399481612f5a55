"""The states that schemas can extend without writing them: what most machines need, by the name of the mixin.

`connected`, `pool` and `disposed` speak of states of `basic`, so they are extended after it. Equal names mean equal
things: who extends both `connected` and `pool` has the states of the later one.
"""

from __future__ import annotations

from collections.abc import Mapping

from trellis.model.states import EXCEPTION, StateDef

_ERROR = StateDef(multi=True, require=(EXCEPTION,), add=(EXCEPTION,))
_PLAIN = StateDef()
_ERR_CONNECTING = StateDef(require=(EXCEPTION,))

MIXINS: Mapping[str, Mapping[str, StateDef]] = {
    # Whether it was started, whether it can do its work, whether it is well, and what went wrong.
    "basic": {
        EXCEPTION: StateDef(multi=True),
        "ErrNetwork": _ERROR,
        "ErrHandlerTimeout": _ERROR,
        "Start": _PLAIN,
        "Ready": StateDef(require=("Start",)),
        "Healthcheck": StateDef(multi=True),
        "Heartbeat": _PLAIN,
    },
    # One connection: always in exactly one of four states.
    "connected": {
        "ErrConnecting": _ERR_CONNECTING,
        "Connecting": StateDef(require=("Start",), remove=("Connected", "Disconnecting", "Disconnected")),
        "Connected": StateDef(require=("Start",), remove=("Connecting", "Disconnecting", "Disconnected")),
        "Disconnecting": StateDef(remove=("Connecting", "Connected", "Disconnected")),
        "Disconnected": StateDef(auto=True, remove=("Connecting", "Connected", "Disconnecting")),
    },
    # Several connections told as one: some may be there while others are still on their way.
    "pool": {
        "ErrConnecting": _ERR_CONNECTING,
        "Connecting": StateDef(require=("Start",), remove=("Disconnecting",)),
        "Connected": StateDef(require=("Start",), remove=("Disconnected",)),
        "ConnectedFully": StateDef(require=("Connected",), remove=("Disconnected",)),
        "Disconnecting": StateDef(remove=("ConnectedFully", "Connected", "Connecting")),
        "Disconnected": StateDef(remove=("Connecting", "ConnectedFully", "Disconnecting")),
    },
    # The way to its end: who has something to give back registers it.
    "disposed": {
        "RegisterDisposal": StateDef(multi=True),
        "Disposing": StateDef(remove=("Start", EXCEPTION)),
        "Disposed": StateDef(remove=("Start", EXCEPTION, "Disposing")),
    },
}
"""Mixin -> state -> its definition, in order."""
