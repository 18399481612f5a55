"""kill -9 at random moments while a run sends signals to another: each of them is taken exactly once, and in order."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trellis.hosts.local import Host
from trellis.model.codec import decode_event
from trellis.model.events import SignalReceived
from trellis.project import load
from trellis.stores import open_store

MANY = 12
COUNTER = """
trellis: 1
name: counter
start: next
signals: {count: {n: integer, key: string}}
fields: {got: {type: any, optional: true}, all: {type: [integer], default: []}}
nodes:
  next: {wait: {signal: count}, save: got, set: {fields: {all: "all + [got.n]"}}, to: next}
"""
SENDER = f"""
trellis: 1
name: sender
start: next
fields: {{n: {{type: integer, default: 0}}}}
limits: {{visits: 50}}
nodes:
  next: {{emit: {{signal: count, to: counter, with: {{n: "{{{{ n }}}}", key: k}}}}, set: {{fields: {{n: n + 1}}}}, to: [{{if: n < {MANY}, to: next}}, {{to: pause}}]}}
  pause: {{wait: {{time: 10ms}}, to: $end}}
"""


def survive(folder: Path, kills: int, seed: int) -> tuple[int, list[int], list[str]]:
    """Kill senders until so many died, and let the last one end: the kills, what was counted, the ids of the signals."""
    for name, text in (("counter", COUNTER), ("sender", SENDER)):
        (folder / f"{name}.yaml").write_text(text)
    url = f"sqlite:///{folder}/runs.db"

    async def begin() -> None:
        async with Host(url) as host:
            await host.start(load(str(folder / "counter.yaml"), cache=False), id="counter")

    asyncio.run(begin())
    chance, killed, done = random.Random(seed), 0, False
    command = [sys.executable, "-m", "trellis", "run", "sender.yaml", "--id", "s", "--store", url, "--output", "json"]
    while not done:
        # What stands in stdout tells how far it is: it is killed after some of its lines, at once or a little later.
        sender = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert sender.stdout is not None
        lines = chance.randint(1, 9) if killed < kills else sys.maxsize
        for line in sender.stdout:
            lines -= 1
            done = json.loads(line)["type"] == "run.finished"
            if lines <= 0 and not done:
                break
        if not done:
            sender.kill()
            killed += 1
        sender.communicate()

    async def counted() -> Any:
        store = open_store(url)
        events = map(decode_event, await store.read("counter"))
        taken = [event for event in events if isinstance(event, SignalReceived)]
        await store.close()
        return [event.data["n"] for event in taken], [event.id for event in taken]

    return killed, *asyncio.run(counted())


def test_each_signal_is_taken_once_though_its_sender_is_killed_again_and_again(tmp_path: Path) -> None:
    killed, numbers, ids = survive(tmp_path, 3, seed=4)
    assert (killed, numbers) == (3, list(range(MANY)))
    assert ids == [f"s/next/{entry}" for entry in range(1, MANY + 1)]


@pytest.mark.soak
def test_a_hundred_kills_send_nothing_twice(tmp_path: Path) -> None:
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        killed, numbers, _ = survive(folder, 5, seed)
        assert (killed, numbers) == (5, list(range(MANY)))
