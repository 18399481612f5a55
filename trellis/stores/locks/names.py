"""A file's name for any key: no two keys have the same, and none leaves its folder."""

from __future__ import annotations

from trellis.model.values import digest

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyz0123456789_-")
_LONGEST = 120  # file systems take 255 bytes; a folder name leaves room for what lies in it


def file_name(key: str) -> str:
    """`deploy/EU` is `deploy%2f%45%55`: capitals too, since some file systems take them for small letters.

    The name of a long key ends with its hash. A name starts with `k-`, so that it is no device of Windows.
    """
    data = key.encode()
    name = "k-" + "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in data)
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 65]}~{digest(data)}"
