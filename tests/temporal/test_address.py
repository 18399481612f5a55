"""A URL names server, namespace and queue of Temporal; one that is wrong, or leads nowhere, says so at once."""

from __future__ import annotations

import asyncio
import socket

import pytest

from trellis.errors import StoreUnavailable
from trellis.hosts.temporal import address
from trellis.hosts.temporal.address import Address, connect, is_temporal, read_address

FORM = "an address on Temporal is written temporal://HOST:PORT/NAMESPACE?queue=Q"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("temporal://localhost:7233/default", Address("localhost:7233", "default")),
        ("temporal://localhost/orders/", Address("localhost:7233", "orders")),
        ("temporal://[::1]/orders", Address("[::1]:7233", "orders")),
        ("temporal://[::1]:99/orders?queue=slow", Address("[::1]:99", "orders", "slow")),
        ("temporal://", Address()),
        ("temporal://h:1/a%2Fb", Address("h:1", "a/b")),
        (
            "temporal://h:1/n?claims=redis://r/0&queue=q",
            Address("h:1", "n", "q", "redis://r/0"),
        ),
    ],
)
def test_a_url_is_read_whole(url: str, address: Address) -> None:
    assert read_address(url) == address


def test_a_url_is_shown_without_the_password_of_its_claims() -> None:
    address = read_address("temporal://h:1/n?queue=q&claims=postgresql://ann:hidden@h/d")
    assert address.claims == "postgresql://ann:hidden@h/d"
    assert address.url == "temporal://h:1/n?queue=q&claims=postgresql://ann:***@h/d"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("temporal:localhost", FORM),
        ("temporal://h:x/n", "'x' is no port; " + FORM),
        ("temporal://h:70000/n", "'70000' is no port; " + FORM),
        ("temporal://h/n/m", "a namespace has no slash; " + FORM),
        ("temporal://h/n?quue=a", "it has no 'quue'; what it may have is queue and claims"),
        ("temporal://h/n?queue=", "its 'queue' is empty"),
        (
            "temporal://h/n?claims=s3://bucket",
            "claims names a store, such as postgresql://HOST/DATABASE or redis://HOST/NUMBER",
        ),
        (
            "temporal://h/n?claims=temporal://h/n",
            "claims names a store, such as postgresql://HOST/DATABASE or redis://HOST/NUMBER",
        ),
    ],
)
def test_a_wrong_url_says_how_one_is_written(url: str, told: str) -> None:
    with pytest.raises(StoreUnavailable) as refused:
        read_address(url)
    assert str(refused.value).partition(": ")[2].endswith(told)


def test_a_url_with_a_user_is_refused_and_its_password_not_shown() -> None:
    with pytest.raises(StoreUnavailable) as refused:
        read_address("temporal://ann:hidden@h/n")
    assert str(refused.value) == (
        "store temporal://ann:***@h/n: it takes no user: give an API key as TEMPORAL_API_KEY, "
        "or in Temporal's configuration file"
    )


def test_only_urls_of_this_scheme_are_on_temporal() -> None:
    assert [is_temporal(url) for url in ("temporal://h/n", "sqlite:///temporal:", None)] == [True, False, False]


def refused_by(url: str) -> str:
    with pytest.raises(StoreUnavailable) as refused:
        asyncio.run(connect(read_address(url)))
    return str(refused.value)


def test_a_server_that_is_down_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert refused_by(f"temporal://127.0.0.1:{port}/n") == (
        f"store temporal://127.0.0.1:{port}/n: no Temporal server answers there: connection refused"
    )


@pytest.mark.parametrize("tls", ["true", "false"])
def test_a_server_that_says_nothing_is_not_waited_for(tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "CONNECT_S", 0.2)
    monkeypatch.setenv("TEMPORAL_TLS", tls)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        where = f"temporal://127.0.0.1:{silent.getsockname()[1]}/n"
        with pytest.raises(StoreUnavailable) as refused:
            asyncio.run(connect(read_address(where)))
    assert str(refused.value) == f"store {where}: no Temporal server answers there: it took too long"
    assert isinstance(refused.value.__cause__, TimeoutError)  # else the library ended it, half a minute later


def test_a_host_that_nobody_knows_is_named() -> None:
    assert refused_by("temporal://nobody.invalid/n") == (
        "store temporal://nobody.invalid:7233/n: no Temporal server answers there: "
        "the host 'nobody.invalid' is not known"
    )


def test_a_namespace_that_does_not_exist_is_named(temporal_address: str) -> None:
    assert refused_by(f"temporal://{temporal_address}/nowhere") == (
        f"store temporal://{temporal_address}/nowhere: the server has no namespace 'nowhere'; "
        "register it, or name another"
    )


def test_what_the_url_leaves_out_is_as_temporal_is_configured(
    temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    monkeypatch.setenv("TEMPORAL_NAMESPACE", "elsewhere")
    assert refused_by("temporal://") == (
        f"store temporal://{temporal_address}/elsewhere: the server has no namespace 'elsewhere'; "
        "register it, or name another"
    )
    assert asyncio.run(connect(read_address("temporal:///default"))).namespace == "default"
