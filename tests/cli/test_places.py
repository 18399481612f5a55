"""Commands that are offered can be typed as they are, and no password of a store is shown."""

from __future__ import annotations

import pytest

from trellis.cli.places import command_line, file_of, masked


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("sqlite:////var/a@b:c.db", "sqlite:////var/a@b:c.db"),
        ("file:runs", "file:runs"),
        ("memory://", "memory://"),
        ("postgresql://db/x", "postgresql://db/x"),
        ("postgresql://u@db/x", "postgresql://u@db/x"),
        ("postgresql://u:p:@w@db:5/x?lease=2&password=p", "postgresql://u:***@db:5/x?lease=2&password=***"),
        ("redis://:p@h/0", "redis://:***@h/0"),
        ("unix:///run/redis.sock?password=p&prefix=a", "unix:///run/redis.sock?password=***&prefix=a"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///runs.db", "runs.db"),
        ("sqlite:////var/runs.db", "/var/runs.db"),
        ("sqlite:///", None),
        ("sqlite:runs.db", None),
        ("file:runs", "runs"),
        ("file:/var/runs", "/var/runs"),
        ("file:///var/runs", "/var/runs"),
        ("file:", None),
        ("memory://", None),
        ("redis://h/0", None),
    ],
)
def test_a_store_in_a_file_is_found_where_it_is_opened(url: str, path: str | None) -> None:
    assert file_of(url) == path


def test_a_command_line_can_be_typed_as_it_is() -> None:
    assert command_line(["resume", "a b"], None) == "trellis resume 'a b'"
    given = command_line(["resume", "r"], "redis://:p@h", ["process"])
    assert given == "trellis resume r --store 'redis://:***@h' --allow process"
