"""Random searches: a few examples with every run of the tests, many under `make soak`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy


def searched(
    *, few: int, many: int, **strategies: SearchStrategy[Any]
) -> Callable[[Callable[..., None]], Callable[[int], None]]:
    """Makes of a function a test of what must hold for all of these, tried on so many examples."""
    sizes = [pytest.param(few, id="few"), pytest.param(many, id="many", marks=pytest.mark.soak)]

    def decorate(body: Callable[..., None]) -> Callable[[int], None]:
        def test(examples: int) -> None:
            size = settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
            size(given(**strategies)(body))()

        test.__name__, test.__doc__, test.__module__ = body.__name__, body.__doc__, body.__module__
        return pytest.mark.parametrize("examples", sizes)(test)

    return decorate
