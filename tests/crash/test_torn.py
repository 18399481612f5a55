"""Files that were cut, flipped, mixed up or lost: the store opens as it was once, or says that it is corrupt."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from tests.crash.torn import APART, CLOSED, DAMAGES, LOG, history, opened
from tests.reliability import publish, say

pytestmark = pytest.mark.covers("GT08")


def damage(kind: str, folder: Path, commits: int, each: int, seed: int) -> tuple[int, Counter[str]]:
    """Damage what each of so many commits left in `each` ways a kind: (how many were opened, how they fared)."""
    chance, url = Random(seed), URLS[kind]
    live, copies = folder / "live", folder / "copies"
    live.mkdir()
    held = asyncio.run(history(url.format(live), live, copies, commits, seed))
    fared: Counter[str] = Counter()
    for last in range(commits):
        broken = folder / "broken" / str(last)
        for how in DAMAGES[kind]:
            for _ in range(each):
                shutil.copytree(copies / str(last), broken)
                said = how(broken, chance)
                if said is not None:
                    apart = how in APART
                    first = 0 if apart else max(last - last % CLOSED - 1, 0)
                    fate, lost = opened(url.format(broken), held, last, first=first, apart=apart)
                    assert how in LOG or not (fate == "opened" and lost), (
                        f"{said}: it opened as it was {lost} commits ago"
                    )
                    fared[f"{said}: {fate}"] += 1
                shutil.rmtree(broken)
    shutil.rmtree(live)
    shutil.rmtree(copies)
    return fared.total(), fared


URLS = {"sqlite": "sqlite:///{}/runs.db", "file": "file:{}/runs"}
ROW = {"sqlite": "torn", "file": "torn file"}


def refused(fared: Counter[str]) -> str:
    return f"{sum(count for how, count in fared.items() if how.endswith('refused')):,} refused as corrupt"


@pytest.mark.parametrize("kind", URLS)
def test_damaged_files_open_as_they_were_once_or_are_refused(kind: str, quick: Path) -> None:
    opens, fared = damage(kind, quick, 12, 2, seed=1)
    say(ROW[kind], len(DAMAGES[kind]), opens, note=refused(fared))


@pytest.mark.soak
@pytest.mark.parametrize("kind", URLS)
def test_three_thousand_damaged_files_open_as_they_were_once_or_are_refused(kind: str, quick: Path) -> None:
    opens, fared = damage(kind, quick, 60, 7, seed=2)
    publish(ROW[kind], len(DAMAGES[kind]), opens, note=refused(fared))
