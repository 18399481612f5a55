"""Secrets that a store may keep: only in envelopes, which open with the operator's key, for one field of one run.

An envelope is text: `v1.KEY.WRAPPED.SEALED`. A fresh data key encrypts the secret, the key with the id KEY encrypts
the data key, both by AES-256-GCM; run and field are bound into both, so nothing opens that was moved or changed.
Without a vault nothing is kept, and a run that goes on is asked for its secrets again.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, TypeVar

import msgspec

from trellis.errors import UsageError
from trellis.model.events import ActionCompleted, AnswerGiven, Event, RunStarted

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VARIABLE = "TRELLIS_SECRET_KEYS"
"""The environment variable that holds the keys, or `@` and the file that does. No tool's process gets to see it."""
KEY_BYTES = 32
LONGEST_ID = 32
LARGEST_FILE = 64 * 1024
"""Characters that a file of keys may have."""
_VERSION = "v1"
_NONCE, _TAG = 12, 16  # bytes
SALT = 32
"""Bytes of what tells one packed text from another."""
_NO_NONCE, _PACKED = bytes(_NONCE), b"trellis packed v1"
_ID = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_Sealable = TypeVar("_Sealable", bound=Event)


class BadKeys(UsageError):
    """A text that holds no keys. `faults` has every reason, none a part of a key."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__(
            f"secret keys: {'; '.join(self.faults)}; expected `ID=BASE64,…`, each of {KEY_BYTES} bytes "
            "(`openssl rand -base64 32` makes one), the first encrypts, all decrypt"
        )


class CryptographyNeeded(UsageError):
    """Keys are given, and the library that uses them is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "secret keys need the library cryptography: pip install 'trellis-engine[secrets]'; "
            f"without keys (unset {VARIABLE}) secrets are not stored, and asked for again"
        )


class SecretUnreadable(UsageError):
    """The envelope of the secret `field` of `run` does not open, for this `reason`."""

    def __init__(self, run: str, field: str, reason: str) -> None:
        self.run, self.field, self.reason = run, field, reason
        super().__init__(f"secret '{field}' of run '{run}' cannot be read: {reason}")


class KeyMissing(SecretUnreadable):
    """The vault has no key with the id `key`; those it has are `known`."""

    def __init__(self, run: str, field: str, key: str, known: Iterable[str]) -> None:
        self.key, self.known = key, tuple(known)
        there = ", ".join(f"'{name}'" for name in self.known)
        advice = (
            f"only {there} is given; add {key}=… behind it to {VARIABLE}"
            if there
            else f"no key is given; set {VARIABLE} to {key}=…"
        )
        super().__init__(run, field, f"it is under the key '{key}', and {advice}")


class EnvelopeDamaged(SecretUnreadable):
    """The envelope was changed, is none, or belongs to another run, field or key."""

    def __init__(self, run: str, field: str, key: str = "") -> None:
        self.key = key
        other = f", or the key '{key}' is another one than it was" if key else ""
        super().__init__(run, field, f"its envelope was changed, or moved from another run or field{other}")


class EnvelopeTooNew(SecretUnreadable):
    """The envelope is of a version that is not known here."""

    def __init__(self, run: str, field: str, version: str) -> None:
        self.version = version
        super().__init__(
            run, field, f"its envelope has version '{version}', known is {_VERSION}; a newer Trellis made it"
        )


class Vault:
    """Keys by their ids; the first encrypts, all decrypt. Make one with `from_text` or `from_environment`.

    A key encrypts at most 2**32 secrets, by the rule for random nonces; a new one comes first before that.
    """

    __slots__ = ("_ciphers", "_keys")

    def __init__(self, keys: Mapping[str, bytes]) -> None:
        """Raises BadKeys, CryptographyNeeded. The library itself is loaded with the first secret."""
        faults = [] if keys else ["there is none"]
        for place, (name, key) in enumerate(keys.items(), start=1):
            faults += [f"key {place}: {fault}" for fault in _key_faults(name, key)]
        if faults:
            raise BadKeys(faults)
        from importlib.util import find_spec

        if find_spec("cryptography") is None:
            raise CryptographyNeeded
        self._keys = dict(keys)
        self._ciphers: dict[str, AESGCM] = {}

    @classmethod
    def from_text(cls, text: str) -> Vault:
        """The keys of `k2=BASE64,k1=BASE64`, or of the file that `@PATH` names, where lines separate them too.

        Raises BadKeys, with all that is wrong and no part of a key; CryptographyNeeded.
        """
        keys: dict[str, bytes] = {}
        faults: list[str] = []
        if text.startswith("@"):
            text, unread = _read(text[1:].strip())
            if unread:
                raise BadKeys([unread])
        for place, entry in enumerate(text.replace(",", " ").split(), start=1):
            # Only the place is told: where the id is forgotten, what stands in front of the first `=` is the key.
            name, equals, encoded = entry.partition("=")
            key = _decoded(encoded) if equals else None
            if not equals or not encoded.strip("="):
                found = ["it is no `ID=BASE64`"]
            elif key is None:
                found = ["what follows its `=` is no base64"]
            else:
                found = _key_faults(name, key)
                if name in keys:
                    found.append("it has the id of an earlier one")
                if key in keys.values():
                    found.append("it is the same key as an earlier one")
                keys.setdefault(name, key)
            faults += [f"key {place}: {fault}" for fault in found]
        if faults:
            raise BadKeys(faults)
        return cls(keys)

    @classmethod
    def from_environment(cls) -> Vault | None:
        """The vault of TRELLIS_SECRET_KEYS; None where that is not set, or blank. Raises as `from_text` does."""
        text = os.environ.get(VARIABLE, "").strip()
        return cls.from_text(text) if text else None

    @staticmethod
    def generate() -> str:
        """A new key under a new id, as `from_text` takes it."""
        return f"k{os.urandom(4).hex()}={base64.b64encode(os.urandom(KEY_BYTES)).decode()}"

    @property
    def key(self) -> str:
        """The id of the key that encrypts."""
        return next(iter(self._keys))

    @property
    def keys(self) -> tuple[str, ...]:
        """The ids of all keys, that of the one that encrypts first."""
        return tuple(self._keys)

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._keys)})"

    def __reduce__(self) -> str:
        raise TypeError("a vault is not pickled: its keys would lie open")

    def seal(self, run: str, field: str, value: str) -> str:
        """An envelope with this secret, that opens for this run and field only. No two are the same."""
        data_key = os.urandom(KEY_BYTES)
        sealed = _encrypt(_cipher(data_key), _text(value), _bound("value", run, field))
        wrapped = _encrypt(self._cipher(self.key), data_key, _bound("key", run, field, self.key))
        return f"{_VERSION}.{self.key}.{_encoded(wrapped)}.{_encoded(sealed)}"

    def open(self, run: str, field: str, envelope: str) -> str:
        """The secret in an envelope. Raises KeyMissing, EnvelopeDamaged or EnvelopeTooNew."""
        key, data_key, sealed = self._unwrap(run, field, envelope)
        value = _decrypt(_cipher(data_key), sealed, _bound("value", run, field))
        if value is None:
            raise EnvelopeDamaged(run, field, key)
        return value.decode("utf-8", "surrogatepass")

    def pack(self, data: bytes, salt: bytes = b"") -> bytes:
        """`data` under encryption by the key `self.key`; `unpack` opens it wherever it is, whoever moved it.

        The key of each is drawn from ours and a salt, which stands in front: any number of them may be made. Who gives
        the salt (of SALT bytes) gives the same one to the same data only; then what comes of it is the same too.
        """
        salt = salt or os.urandom(SALT)
        return salt + _cipher(self._drawn(self.key, salt)).encrypt(_NO_NONCE, data, _PACKED)

    def unpack(self, key: str, data: bytes) -> bytes | None:
        """What was packed under the key with the id `key`; None where it was changed. Raises KeyError without that key."""
        cipher = _cipher(self._drawn(key, data[:SALT]))
        return _decrypt(cipher, _NO_NONCE + data[SALT:], _PACKED) if len(data) >= SALT + _TAG else None

    def sum(self, data: bytes) -> bytes:
        """SALT bytes that are the same for the same data, and tell nobody without the key what it may be."""
        return hmac.digest(self._keys[self.key], b"trellis sum" + data, "sha256")

    def _drawn(self, key: str, salt: bytes) -> bytes:
        """Used for one text alone, so that its nonce is nothing."""
        return hmac.digest(self._keys[key], _PACKED + salt, "sha256")

    def _unwrap(self, run: str, field: str, envelope: str) -> tuple[str, bytes, bytes]:
        """The id of the key, the data key, and the secret that it encrypts."""
        key, wrapped, sealed = _parts(run, field, envelope)
        if key not in self._keys:
            raise KeyMissing(run, field, key, self._keys)
        data_key = _decrypt(self._cipher(key), wrapped, _bound("key", run, field, key))
        if data_key is None:
            raise EnvelopeDamaged(run, field, key)
        return key, data_key, sealed

    def _cipher(self, key: str) -> AESGCM:
        if key not in self._ciphers:
            self._ciphers[key] = _cipher(self._keys[key])
        return self._ciphers[key]


def key_of(run: str, field: str, envelope: str) -> str:
    """The id of the key that an envelope needs. Raises EnvelopeDamaged, EnvelopeTooNew."""
    return _parts(run, field, envelope)[0]


def sealed(vault: Vault | None, run: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The envelopes that an event carries for the secrets it brings, by field; none without a vault."""
    if vault is None:
        return {}
    return {field: vault.seal(run, field, value) for field, value in secrets.items()}


def opened(
    vault: Vault | None, run: str, envelopes: Mapping[str, str], names: Iterable[str]
) -> tuple[dict[str, str], dict[str, SecretUnreadable]]:
    """The secrets among `names` that are kept and can be read, and why others that are kept can not.

    What is in neither is not kept here: it is asked for.
    """
    values: dict[str, str] = {}
    refused: dict[str, SecretUnreadable] = {}
    for field in names:
        if field in envelopes:
            try:
                if vault is None:
                    raise KeyMissing(run, field, key_of(run, field, envelopes[field]), ())
                values[field] = vault.open(run, field, envelopes[field])
            except SecretUnreadable as error:
                refused[field] = error
    return values, refused


def rebound(vault: Vault | None, event: _Sealable, run: str, new_run: str) -> _Sealable:
    """The event as the journal of a fork has it: its envelopes open for `new_run`.

    Those that cannot be read here are left out, and the fork is asked for them.
    """
    if not isinstance(event, RunStarted | ActionCompleted | AnswerGiven) or not event.secrets:
        return event
    values, _ = opened(vault, run, event.secrets, event.secrets)
    return msgspec.structs.replace(event, secrets=sealed(vault, new_run, values))


def _key_faults(name: str, key: bytes) -> list[str]:
    faults = []
    if not 0 < len(name) <= LONGEST_ID or not _ID.issuperset(name):
        faults.append(f"its id is not 1 to {LONGEST_ID} letters, digits, `_` and `-`")
    if len(key) != KEY_BYTES:
        faults.append(f"it has {len(key)} bytes, not {KEY_BYTES}")
    return faults


def _read(path: str) -> tuple[str, str]:
    """The text of a file of keys, or why there is none."""
    try:
        with open(path, encoding="ascii") as file:
            text = file.read(LARGEST_FILE + 1)
    except OSError as error:
        return "", f"the file '{path}' cannot be read: {error.strerror}"
    except ValueError:
        return "", f"the file '{path}' is no text of keys"
    return (
        (text, "") if len(text) <= LARGEST_FILE else ("", f"the file '{path}' has more than {LARGEST_FILE} characters")
    )


def _parts(run: str, field: str, envelope: str) -> tuple[str, bytes, bytes]:
    """The id of the key, the data key as it is wrapped, and the secret as it is sealed."""
    version, _, rest = envelope.partition(".")
    if version != _VERSION and version[:1] == "v" and version[1:].isdecimal() and version.isascii():
        raise EnvelopeTooNew(run, field, version[:LONGEST_ID])
    key, *encoded = rest.split(".")
    parts = [_exact(part) for part in encoded]
    if version != _VERSION or not 0 < len(key) <= LONGEST_ID or not _ID.issuperset(key) or len(parts) != 2:
        raise EnvelopeDamaged(run, field)
    wrapped, secret = parts
    if wrapped is None or secret is None or len(wrapped) != _NONCE + KEY_BYTES + _TAG or len(secret) < _NONCE + _TAG:
        raise EnvelopeDamaged(run, field, key)
    return key, wrapped, secret


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes | None:
    """What a base64 text of either alphabet stands for, padded or not; None for what is none."""
    text = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _exact(text: str) -> bytes | None:
    """As `_decoded`, but only what `_encoded` gives: base64 has several texts for the same bytes."""
    data = _decoded(text)
    return data if data is not None and _encoded(data) == text else None


def _text(value: str) -> bytes:
    return value.encode("utf-8", "surrogatepass")  # an environment may hold bytes that are no UTF-8


def _bound(*facts: str) -> bytes:
    """What a ciphertext is bound to; each fact with its length, so that no two lists read the same."""
    texts = [_text(fact) for fact in ("trellis secret", _VERSION, *facts)]
    return b"".join(len(text).to_bytes(4, "big") + text for text in texts)


def _cipher(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _encrypt(cipher: AESGCM, data: bytes, bound: bytes) -> bytes:
    nonce = os.urandom(_NONCE)
    return nonce + cipher.encrypt(nonce, data, bound)


def _decrypt(cipher: AESGCM, data: bytes, bound: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        return cipher.decrypt(data[:_NONCE], data[_NONCE:], bound)
    except InvalidTag:
        return None
