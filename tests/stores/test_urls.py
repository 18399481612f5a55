"""No password is shown, wherever in a URL it stands, and however wrongly it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.errors import StoreUnavailable
from trellis.stores import open_store
from trellis.stores.redis.connection import Server
from trellis.stores.urls import masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/a@b:c.db", "sqlite:////var/a@b:c.db"),
        ("file:runs", "file:runs"),
        ("memory://", "memory://"),
        (
            "temporal://h/n?queue=q&claims=postgresql://ana:b@db/x?lease=2",
            "temporal://h/n?queue=q&claims=postgresql://ana:***@db/x?lease=2",
        ),
        ("temporal://h/n?claims=redis://ana@db&queue=q", "temporal://h/n?claims=redis://ana@db&queue=q"),
        ("temporal://h/n?claims=redis://ana:b&c@db", "temporal://h/n?***"),
        ("runs.db", "runs.db"),
        ("postgresql://db/x", "postgresql://db/x"),
        ("postgresql://db:5432/x?lease=2", "postgresql://db:5432/x?lease=2"),
        ("postgresql://h1:1,h2:2/x?schema=a%40b", "postgresql://h1:1,h2:2/x?schema=a%40b"),
        ("postgresql://[::1]:5432/x", "postgresql://[::1]:5432/x"),
        ("postgresql://u@db/x", "postgresql://u@db/x"),
        ("postgresql://u:p:@w@db:5/x?lease=2&password=p", "postgresql://u:***@db:5/x?lease=2&password=***"),
        ("postgresql://u:p@db/x?sslpassword=p", "postgresql://u:***@db/x?sslpassword=***"),
        ("redis://:p@h/0", "redis://:***@h/0"),
        ("redis://h/0?password=p@q", "redis://h/0?***"),
        ("redis://h/0?pass%77ord=p", "redis://h/0?pass%77ord=***"),
        ("unix:///run/redis.sock?password=p&prefix=a", "unix:///run/redis.sock?password=***&prefix=a"),
        ("postgresql:///d?user=a&password=b/c", "postgresql:///d?user=a&password=***"),
        ("postgresql:u:p@h/d", "postgresql:u:***@h/d"),
        ("postgresql://u:a", "postgresql://u:***"),
        ("postgresql://u:a@p?q@h", "postgresql://u:***?***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "redis", "rediss", "mysql"])
@given(before=st.text("a1/:?#@%&=", max_size=4), after=st.text("/:?#@%&", max_size=4), query=st.booleans())
def test_a_password_with_any_signs_in_it_is_not_shown(scheme: str, before: str, after: str, query: bool) -> None:
    url = f"{scheme}://ana:{before}s3cret{after}@db/x" + ("?lease=2&password=s3cret" if query else "")
    assert "s3cret" not in masked(url)
    assert "s3cret" not in masked(f"temporal://host/namespace?queue=q&claims={url}")


@pytest.mark.parametrize(
    "url", ["redis://u:s3?s3cret@h/0", "redis://u:s3/s3cret@h/0", "redis://u:1#s3cret@h", "redis://u:s3cret"]
)
def test_redis_does_not_tell_a_piece_of_a_password_that_is_not_quoted(url: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        Server(url)
    assert caught.value.reason == (
        "this is no URL of Redis; expected redis://USER:PASSWORD@HOST:PORT/NUMBER, with % @ : / ? # of a password "
        "written as %25 %40 %3A %2F %3F %23"
    )
    assert "s3" not in str(caught.value)


def test_a_url_that_names_no_store_is_shown_without_its_password() -> None:
    for url in ("mysql://ana:s3cret@db/x", "postgresql:ana:s3cret@db/x"):
        with pytest.raises(StoreUnavailable) as caught:
            open_store(url)
        assert "s3cret" not in str(caught.value)
