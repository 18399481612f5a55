"""A state as bytes, so that a run can be taken up without folding its whole journal. A snapshot is never the truth.

It is of one version of the engine; whoever finds another one folds the journal instead.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from trellis.engine.chain import Chain
from trellis.engine.state import State
from trellis.engine.tally import Tally

FORMAT = 3
"""Grows whenever a state means something else than before, or looks otherwise."""


class _Kept(msgspec.Struct, frozen=True):
    format: int
    state: State


class _Head(msgspec.Struct, frozen=True):
    format: int


def _plain(value: Any) -> Any:
    if isinstance(value, Chain):
        return list(value)
    if isinstance(value, Tally):
        return value.counts()
    raise NotImplementedError(f"a state holds a {type(value).__name__}")


def _read(kind: Any, value: Any) -> Any:
    if kind is Tally:
        return Tally.of(msgspec.convert(value, dict[str, int]))
    chain: Chain[Any] | None = None
    for item in reversed(msgspec.convert(value, list[get_args(kind)[0]])):  # type: ignore[misc]
        chain = Chain(item, chain)
    return chain


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_decoder = msgspec.json.Decoder(_Kept, dec_hook=_read)
_head = msgspec.json.Decoder(_Head)


def encode_state(state: State) -> bytes:
    """The bytes of a state."""
    return _encoder.encode(_Kept(FORMAT, state))


def decode_state(data: bytes) -> State | None:
    """The state of these bytes; None where this version of the engine cannot go on from it."""
    try:
        return _decoder.decode(data).state if _head.decode(data).format == FORMAT else None
    except msgspec.MsgspecError:
        return None
