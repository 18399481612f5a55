"""One line is one turn, and its sum covers all lines before: whatever was changed, removed or moved is found out.

A line is `{"sum":"01234567",…}`: the CRC-32 of what follows the sum, begun with the sum of the line before. What stands
after the last line break, and has no right sum, is a line that was being written when its process or its machine died:
nobody was told that it counts, and it is cut off. Anything else that is not right is damage.
"""

from __future__ import annotations

from zlib import crc32

import msgspec

from trellis.stores.base import RunRow

_HEAD = len(b'{"sum":"01234567",')


class Saved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot: `file` in `snapshots`, of the first `seq` events, with this CRC-32."""

    seq: int
    file: str
    sum: int


class Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a line says; a part that is left out did not change."""

    run: str | None = None
    """The first line only."""
    number: int = 0
    """The first line only: greater than that of every run created before."""
    seq: int = 0
    """Of the event; 0 where there is none."""
    event: msgspec.Raw = msgspec.Raw()
    """The event, where its bytes are the JSON text of one line."""
    data: bytes | None = None
    """The event, where they are something else: in base 64."""
    row: RunRow | None = None
    epoch: int = 0
    owner: str | None = None
    """Who owns the run from this line on; empty: nobody."""
    snapshot: Saved | None = None
    definitions: dict[str, int] = {}
    """What the run needs from now on as well: hash -> CRC-32."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Line).decode


def written(line: Line, event: bytes | None, before: int) -> tuple[bytes, int]:
    """The bytes of a line with this event, after a line whose sum was `before`, and its own sum."""
    body = b""
    if event is not None:
        if event[:1] == b"{" and b"\n" not in event and b"\r" not in event:
            body = _encode(msgspec.structs.replace(line, event=msgspec.Raw(event)))
            if not _says(body, event):
                body = b""
        body = body or _encode(msgspec.structs.replace(line, data=event))
    else:
        body = _encode(line)
    rest = body[1:]
    own = crc32(rest, before)
    return b'{"sum":"%08x",%s\n' % (own, rest), own


def _says(body: bytes, event: bytes) -> bool:
    """Whether the line would be read as what it was written for."""
    try:
        event.decode()
        return happened(_decode(body)) == event
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False


def read(data: bytes, before: int) -> tuple[Line, int] | None:
    """A line, with or without its line break, and its sum; None where it is not what was written."""
    rest = data[_HEAD:].removesuffix(b"\n")
    own = crc32(rest, before)
    if data[:_HEAD] != b'{"sum":"%08x",' % own:
        return None
    try:
        return _decode(b"{" + rest), own
    except msgspec.DecodeError:
        return None


def happened(line: Line) -> bytes:
    """The event of a line that has one."""
    return bytes(line.event) or line.data or b""
