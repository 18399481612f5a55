"""A test run tries the same examples each time, `make soak` others; it ends by telling what was left out, and why.

Under pytest-xdist the workers deselect, so each hands its list to the controller, which prints the union.
"""

from __future__ import annotations

import gc
import signal
from collections import Counter
from typing import Any

import pytest
from hypothesis import settings

from tests.servers import postgres_place as postgres_place
from tests.servers import postgres_url as postgres_url
from tests.servers import redis_url as redis_url
from tests.servers import temporal_address as temporal_address
from tests.servers import temporal_url as temporal_url

DESELECTED = pytest.StashKey[set[str]]()
SENT = "trellis_deselected"


def pytest_configure(config: pytest.Config) -> None:
    config.stash[DESELECTED] = set()
    if config.option.markexpr != "soak":  # what fails is a change's own fault, or has failed before it
        settings.register_profile("same", derandomize=True)
        settings.load_profile("same")
    for name in ("SIGHUP", "SIGINT"):  # whoever started us (nohup, a shell in the background) may have them ignored,
        number = getattr(signal, name, None)  # and a command that inherits that rightly does not heed them
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if name == "SIGINT" else signal.SIG_DFL)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        why = "soak, run by `make soak`" if item.get_closest_marker("soak") else "deselected by -m or -k"
        item.config.stash[DESELECTED].add(f"{why}\0{item.nodeid}")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Thousands of tests live until the end: no collection of garbage looks at them again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        mine: set[str] = session.config.stash[DESELECTED]
        output[SENT] = sorted(mine)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Called in the controller of pytest-xdist when a worker is done."""
    node.config.stash[DESELECTED].update(getattr(node, "workeroutput", {}).get(SENT, ()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    reasons = Counter(entry.split("\0")[0] for entry in config.stash[DESELECTED])
    for report in terminalreporter.stats.get("skipped", ()):
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reasons[f"skipped: {text.removeprefix('Skipped: ')}"] += 1
    for report in terminalreporter.stats.get("xfailed", ()):
        reasons[f"expected to fail: {getattr(report, 'wasxfail', '') or 'no reason given'}"] += 1
    if not reasons:
        terminalreporter.write_line("left out: nothing")
    for reason, count in sorted(reasons.items()):
        terminalreporter.write_line(f"left out: {count} ({reason})")
