"""Commands that are offered can be typed as they are, and no password of a store is shown."""

from __future__ import annotations

import pytest

from trellis.cli.places import command_line, file_of, shown


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


def test_no_password_of_a_store_is_shown() -> None:
    url = "postgresql://ana:se?cret@db/x"
    assert shown(url, ".") == "postgresql://ana:***@db/x"
    assert command_line(["resume", "r"], url) == "trellis resume r --store 'postgresql://ana:***@db/x'"
