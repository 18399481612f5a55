"""What a host takes is what its users are shown, though one of another kind may come of it."""

from __future__ import annotations

import inspect

from trellis import Host


def test_the_signature_of_a_host_names_all_that_it_takes() -> None:
    named = list(inspect.signature(Host).parameters)
    assert named == list(inspect.signature(Host.__init__).parameters)[1:]
    assert named[:3] == ["store", "dispatcher", "allow"]
