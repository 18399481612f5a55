"""Events as bytes: the journal's format, version 1.

One event is one JSON object whose `type` names it. Unknown keys are ignored, so that a reader of this version can
read what a later one added; a missing or foreign one is refused.
"""

from __future__ import annotations

import msgspec

from trellis.model.events import Event

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)

encode_event = _encoder.encode
"""The bytes of an event."""


def decode_event(data: bytes) -> Event:
    """The event of these bytes. Raises ValueError where they are none."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise ValueError(f"not an event: {error}") from error
