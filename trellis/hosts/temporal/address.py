"""Where a Temporal server is, as one URL says it; and the way to it, with the TLS and keys that Temporal's own tools read."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import shlex
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import msgspec

from trellis.errors import StoreUnavailable
from trellis.stores.urls import divided, masked

if TYPE_CHECKING:
    from temporalio.client import Client
    from temporalio.converter import DataConverter
    from temporalio.runtime import Runtime
    from temporalio.service import RPCError

SCHEME = "temporal"
_NOBODY = "no Temporal server answers there"
_WRITTEN = "an address on Temporal is written temporal://HOST:PORT/NAMESPACE?queue=Q"
QUEUE = "trellis"
"""The task queue that runs are started on, unless the URL says another."""
PORT = 7233
CONNECT_S = 15.0
"""How long a server may take to answer the first time."""
RETRY_S = 10.0
"""How long the library asks again by itself before it says that a server is away."""


class Address(msgspec.Struct, frozen=True, omit_defaults=True):
    """A server, a namespace of it and a task queue. `target` and `namespace` empty: those of Temporal's configuration."""

    target: str = ""
    """`HOST:PORT`."""
    namespace: str = ""
    queue: str = QUEUE
    claims: str = ""
    """The URL of the store that keeps the values that are too large for a history; empty: none does."""

    @property
    def url(self) -> str:
        """The URL as it may be shown."""
        query = f"?queue={self.queue}" if self.queue != QUEUE else ""
        if self.claims:
            query += f"{'&' if query else '?'}claims={masked(self.claims)}"
        return f"{SCHEME}://{self.target}/{self.namespace}{query}"

    @property
    def claiming(self) -> str:
        """What tells a worker of the store for claims, as one can type it; a password in it is to be filled in."""
        return f" --claims {shlex.quote(masked(self.claims))}" if self.claims else ""


_CLAIMED = ("file", "sqlite", "postgresql", "postgres", "redis", "rediss", "unix")
"""Schemes of stores that several processes may share."""


class NotPermitted(StoreUnavailable):
    """The server is there, and does not permit this; asked again, it will not either."""

    def __init__(self, url: str, namespace: str, told: str) -> None:
        lacks = "TEMPORAL_API_KEY or the client certificate is missing, wrong, expired, or good for less"
        super().__init__(url, f"not permitted in namespace '{namespace}': {told.rstrip('.')}; {lacks}")


def is_temporal(url: object) -> bool:
    """Whether a store's URL means a Temporal server."""
    return isinstance(url, str) and url.startswith(f"{SCHEME}:")


def read_address(url: str) -> Address:
    """The address of `temporal://HOST:PORT/NAMESPACE?queue=Q&claims=STORE_URL`; what it leaves out is as configured.

    Raises StoreUnavailable.
    """
    base, _, query = divided(url)
    scheme, _, rest = base.partition("://")
    if scheme != SCHEME or "://" not in base:
        raise _wrong(url, _WRITTEN)
    target, _, namespace = rest.partition("/")
    if "@" in target:
        raise _wrong(url, "it takes no user: give an API key as TEMPORAL_API_KEY, or in Temporal's configuration file")
    if "/" in namespace.rstrip("/"):
        raise _wrong(url, f"a namespace has no slash; {_WRITTEN}")
    host, colon, port = target.rpartition(":") if not target.endswith("]") else (target, "", "")
    if colon and not (host and port.isdecimal() and 0 < int(port) < 65536):
        raise _wrong(url, f"'{port}' is no port; {_WRITTEN}")
    if target and not colon:
        target = f"{target}:{PORT}"
    given = dict(parse_qsl(query, keep_blank_values=True))
    unknown = [name for name in given if name not in ("queue", "claims")]
    if unknown:
        raise _wrong(url, f"it has no '{unknown[0]}'; what it may have is queue and claims")
    empty = [name for name, value in given.items() if not value]
    if empty:
        raise _wrong(url, f"its '{empty[0]}' is empty")
    claims = given.get("claims", "")
    must_be_a_store(url, claims)
    return Address(target, unquote(namespace.rstrip("/")), given.get("queue", QUEUE), claims)


def must_be_a_store(url: str, claims: str) -> None:
    """Raises StoreUnavailable, for the address `url`, where claims are none of a store that processes may share."""
    if claims and claims.partition(":")[0] not in _CLAIMED:
        raise _wrong(url, "claims names a store, such as postgresql://HOST/DATABASE or redis://HOST/NUMBER")


async def connect(
    address: Address, *, converter: DataConverter | None = None, runtime: Runtime | None = None
) -> Client:
    """A client of the namespace. TLS, API key and all else are those of the profile that Temporal's own tools use.

    That is TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS_… and the file that TEMPORAL_CONFIG_FILE
    names; what `address` says comes first. Raises StoreUnavailable where no server answers, or has no such namespace.
    """
    from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
    from temporalio.client import Client
    from temporalio.service import RetryConfig, RPCError

    from trellis.hosts.temporal.payloads import data_converter
    from trellis.hosts.vault import Vault

    settings = _configured(address)
    tls = settings.get("tls", settings.get("api_key") is not None)
    settings["retry_config"] = RetryConfig(max_elapsed_time_millis=int(RETRY_S * 1000))
    settings["data_converter"] = converter if converter is not None else data_converter(Vault.from_environment())
    where = f"{SCHEME}://{settings['target_host']}/{settings['namespace']}"
    await _must_be_known(where, settings["target_host"])
    try:
        # The library's own limit is for the connection, not for what it asks then.
        async with asyncio.timeout(CONNECT_S):
            client = await Client.connect(
                **settings, runtime=runtime or _shared(), connect_timeout=timedelta(seconds=CONNECT_S)
            )
        await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    except RPCError as error:
        raise unavailable(where, settings["namespace"], error) from error
    except TimeoutError as error:
        raise StoreUnavailable(where, f"{_NOBODY}: it took too long") from error
    except ValueError as error:  # the one that it has for a certificate without its key
        raise StoreUnavailable(where, f"Temporal's configuration cannot be used: {error}") from error
    except RuntimeError as error:  # the one that the library has for every way not to reach a server
        raise _unreached(where, settings["namespace"], tls, str(error)) from error
    return client


@cache
def _shared() -> Runtime:
    """What carries the clients of this process. What it has to say goes to the log `trellis.temporal`, not to stderr."""
    from temporalio.runtime import LogForwardingConfig, LoggingConfig, Runtime, TelemetryConfig, TelemetryFilter

    heard = LogForwardingConfig(logging.getLogger("trellis.temporal"))
    levels = TelemetryFilter(core_level="ERROR", other_level="ERROR")  # of what it tries again, nobody need know
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(levels, forwarding=heard)))


async def _must_be_known(where: str, target: str) -> None:
    """Raises StoreUnavailable where nothing knows the host. The library's own look-up may crash a process that ends then."""
    host, _, port = target.rpartition(":")
    try:
        await asyncio.get_running_loop().getaddrinfo(host.strip("[]") or target, port if host else None)
    except (OSError, UnicodeError) as error:
        raise StoreUnavailable(where, f"{_NOBODY}: the host '{host}' is not known") from error


def unavailable(url: str, namespace: str, error: RPCError) -> StoreUnavailable:
    """What a server's refusal means, for whoever named the server."""
    from temporalio.service import RPCStatusCode

    match error.status:
        case RPCStatusCode.NOT_FOUND if "amespace" in error.message:
            return StoreUnavailable(url, f"the server has no namespace '{namespace}'; register it, or name another")
        case RPCStatusCode.UNAUTHENTICATED | RPCStatusCode.PERMISSION_DENIED:
            return NotPermitted(url, namespace, error.message or error.status.name.lower())
        case RPCStatusCode.UNAVAILABLE | RPCStatusCode.DEADLINE_EXCEEDED | RPCStatusCode.CANCELLED:
            return StoreUnavailable(url, f"the Temporal server does not answer: {_reason(error.message)}")
        case _:
            told = error.message.rstrip(".")
            return StoreUnavailable(url, f"the Temporal server says {error.status.name.lower()}: {told}")


def denial(text: str) -> str:
    """What a server said when it did not permit a call, of which the library tells in this text; empty: it is of another."""
    found = re.search(_DENIED, text)
    return (found["told"] or found["code"]) if found else ""


_DENIED = (
    r"code: \\?'?(?P<code>PermissionDenied|Unauthenticated|The caller does not have permission|The request does not have valid)"
    r'(?:[^"]*message: "(?P<told>[^"]*)")?'
)
"""How the library writes the status of such a call."""


def _configured(address: Address) -> dict[str, Any]:
    """The settings of the active profile, with what the address says. Raises StoreUnavailable."""
    from dataclasses import replace

    from temporalio.envconfig import ClientConfigProfile

    unread = "Temporal's configuration cannot be read"
    file = os.environ.get("TEMPORAL_CONFIG_FILE", "")
    if file and not os.path.exists(file):  # which the library takes for an empty one, and goes on without TLS or a key
        raise StoreUnavailable(address.url, f"{unread}: TEMPORAL_CONFIG_FILE names '{file}', which is not there")
    try:
        profile = ClientConfigProfile.load()
        if not profile.api_key:  # an empty variable is as good as none
            profile = replace(profile, api_key=None)
        settings: dict[str, Any] = dict(profile.to_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        # Of the file, the line alone: what the library shows of it may be a key.
        told = str(error).partition("\n")[0].removeprefix("Configuration loading error: ")
        raise StoreUnavailable(address.url, f"{unread}: {told}") from None
    if not settings.get("api_key", "").isprintable():  # which the library would leave out
        raise StoreUnavailable(
            address.url, f"{unread}: the API key has a line break in it, or another control character"
        )
    if address.target:
        settings["target_host"] = address.target
    if address.namespace:
        settings["namespace"] = address.namespace
    settings.setdefault("target_host", f"localhost:{PORT}")
    settings.setdefault("namespace", "default")
    return settings


def _unreached(url: str, namespace: str, tls: Any, text: str) -> StoreUnavailable:
    """What it means that the library, with this TLS, came to no server."""
    denied = denial(text)
    if denied:
        return NotPermitted(url, namespace, denied)
    for word, told in _OURS:
        if word in text:
            return StoreUnavailable(url, f"Temporal's configuration cannot be used: {told}")
    why = _reason(text)
    if why == LOST:
        why += f"; {_WITH_TLS if tls else _WITHOUT_TLS}"
    return StoreUnavailable(url, f"{_NOBODY}: {why}")


def _reason(text: str) -> str:
    """The few words of a transport's error that say something."""
    for word, told in _REASONS:
        if word in text:
            return told
    return text.rpartition("error: ")[2].rstrip(".").partition("\n")[0][:200]


LOST = "the connection was lost"
_CERTIFICATE = "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"
_WITHOUT_TLS = "if it wants TLS, set TEMPORAL_TLS=true, and TEMPORAL_TLS_SERVER_CA_CERT_PATH for a CA of your own"
_WITH_TLS = f"if it wants a client certificate that it trusts, set {_CERTIFICATE}"
_OURS = (
    ("Transport, InvalidCertificate", "the client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH) is none"),
    ("NoCertificatesPresented", "the client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH) is none"),
    ("PrivateKeyParseError", "the key of the client certificate (TEMPORAL_TLS_CLIENT_KEY_PATH) is none"),
    ("InconsistentKeys", "the client certificate and its key (TEMPORAL_TLS_CLIENT_KEY_PATH) do not belong together"),
)
"""A part of what the transport says before it asks anybody -> what it means."""
_REASONS = (
    ("ConnectionRefused", "connection refused"),
    ("CertificateRequired", f"it wants a client certificate: set {_CERTIFICATE}"),
    ("received fatal alert", f"it does not take the client certificate: look at {_CERTIFICATE}"),
    ("NotValidForName", "its certificate is for another name; TEMPORAL_TLS_SERVER_NAME says which name it has"),
    ("InvalidCertificate(Expired", "its certificate has expired"),
    (
        "InvalidCertificate",
        "its certificate is not trusted; TEMPORAL_TLS_SERVER_CA_CERT_PATH names the CA that signed it",
    ),
    (
        "InvalidContentType",
        "it does not speak TLS, which an API key or TEMPORAL_TLS_… asks for unless TEMPORAL_TLS=false",
    ),
    ("tcp connect error", "it cannot be reached"),
    ("imeout", "it took too long"),
    ("deadline", "it took too long"),
    ("mapped from HTTP status code", "what answers is no Temporal server"),
    ("ConnectionReset", LOST),
    ("BrokenPipe", LOST),
    ("code: Cancelled", LOST),
    ("tls handshake eof", LOST),
)
"""A part of what the transport says -> what it means."""


def _wrong(url: str, why: str) -> StoreUnavailable:
    return StoreUnavailable(masked(url), why)
