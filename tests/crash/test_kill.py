"""kill -9 at random moments: the run ends all the same, and each step's effect was had exactly once."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import Verdict, publish, say

HERE = Path(__file__).parent
STEPS = [f"s{number}" for number in range(1, 13)]


class Killed:
    """One run of the twelve steps in processes that are killed. Every host process is a real one."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder / name, name
        self.ledger = self.folder / "ledger"
        self.ledger.mkdir(parents=True)
        for file in ("steps.yaml", "step.sh"):
            shutil.copy(HERE / file, self.folder)
        self.kills = 0

    def command(self) -> list[str]:
        """What starts the run, or continues it: by its id it is one run, however often it is started."""
        return [
            sys.executable, "-m", "trellis", "run", "steps.yaml", "--id", self.name, "--allow", "process",
            "--store", "sqlite:///runs.db", "--set", f"ledger={self.ledger}", "--output", "json",
        ]  # fmt: skip

    def go(self, moment_s: float | None) -> str | None:
        """Let a host run until it ends, or kill it at this moment. Its last line, where it ended."""
        host = subprocess.Popen(
            self.command(), cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            out, err = host.communicate(timeout=moment_s)
        except subprocess.TimeoutExpired:
            host.kill()
            host.communicate()
            self.kills += 1
            return None
        assert host.returncode == 0, err
        return out.splitlines()[-1]


def survive(folder: Path, kills: int, seed: int) -> tuple[int, int]:
    """Kill hosts until this many died; every run must end whole. (runs, deliveries beyond the first)."""
    chance = random.Random(seed)
    done, runs, redelivered = 0, 0, 0
    while done < kills:
        runs += 1
        killed = Killed(folder, f"run-{runs}")
        while (last := killed.go(chance.uniform(0.08, 0.4) if killed.kills < 5 else None)) is None:
            pass
        done += killed.kills
        finished = json.loads(last)
        assert (finished["type"], finished["status"], finished["visited"]) == ("run.finished", "completed", STEPS)
        assert finished["fields"]["last"] == 12
        keys = {f"{killed.name}_{node}_{entry}" for entry, node in enumerate(STEPS, start=1)}
        assert {path.name for path in killed.ledger.iterdir() if path.is_dir()} == keys
        redelivered += len((killed.ledger / "deliveries").read_text().splitlines()) - len(STEPS)
    return runs, redelivered


@pytest.mark.covers("GT01", "TR07")
def test_a_run_killed_at_random_moments_ends_with_every_step_done_once(tmp_path: Path) -> None:
    runs, redelivered = survive(tmp_path, 20, seed=20)
    say("steps", 20, runs, Verdict(redelivered=redelivered))


@pytest.mark.soak
def test_two_hundred_kills_lose_nothing(tmp_path: Path) -> None:
    runs, redelivered = survive(tmp_path, 200, seed=200)
    publish("steps", 200, runs, Verdict(redelivered=redelivered))
