"""What a file system may do to a store: each commit is copied, the copy is damaged, and opened.

It must open as it was after some commit up to the last, or say that it is corrupt. Other data it never gives.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from trellis.errors import StoreCorrupt, StoreError, StoreTooNew, StoreTooOld, StoreUnavailable
from trellis.stores import open_store
from trellis.stores.base import RunRow, Store, Turn

RUNS = ("r-1", "r-2", "r-3")
CLOSED = 10
"""The store is closed and opened again after so many commits, which are safe from whatever happens to a log."""
Contents = dict[str, tuple[Any, ...]]
"""All that a store says of its runs."""


def row(run: str, seq: int) -> RunRow:
    return RunRow(run, "g", "graph", "graph.yaml", "running", seq, (f"node{seq}",), {"seq": seq}, None, 0.0, float(seq))


def event(run: str, seq: int) -> bytes:
    return f'{{"{run}":{seq},"'.encode() + b"x" * (seq * 1237 % 4900) + b'"}'


async def contents(store: Store) -> Contents:
    """What is in the store, as far as anybody can ask."""
    found: Contents = {}
    for known in await store.rows():
        kept = await store.snapshot(known.run)
        found[known.run] = (
            await store.row(known.run),
            tuple(await store.read(known.run)),
            kept,
            await store.definition(known.graph),
        )
    return found


async def history(url: str, folder: Path, copies: Path, commits: int, seed: int) -> list[Contents]:
    """Write so many commits, and copy the files of the store after each: `copies/K`. What it held after each."""
    chance = Random(seed)
    store = open_store(url)
    held: list[Contents] = []
    heads: dict[str, int] = {}
    epochs: dict[str, int] = {}
    for number in range(commits):
        run = RUNS[number] if number < len(RUNS) else chance.choice(RUNS)
        if number < len(RUNS):
            await store.create(row(run, 1), [event(run, 1)], {"g": b"definition"})
            epochs[run] = await store.claim(run)
            heads[run] = 1
        else:
            turns = []
            for _ in range(chance.choice((1, 1, 2, 5))):
                heads[run] = seq = heads[run] + 1
                kept = b"state %d" % seq if chance.random() < 0.1 else None
                turns.append(Turn(run, seq, event(run, seq), epochs[run], row(run, seq), snapshot=kept))
            assert not any(await store.append(turns))
        held.append(await contents(store))
        closing = number % CLOSED == CLOSED - 1
        if closing:  # what is in the log goes into the database
            await store.close()
        shutil.copytree(folder, copies / str(number))
        if closing:
            store = open_store(url)
            epochs = {known: await store.claim(known) for known in heads}
    await store.close()
    return held


def opened(url: str, held: list[Contents], last: int, *, first: int = 0, apart: bool = False) -> tuple[str, int]:
    """Open what was damaged: ("opened", how many commits were lost) or ("refused", 0). Fails where data is wrong.

    `first`: no commit before this one may be what it opens as. `apart`: each run for itself is as it was once; nothing more can be told of files of different times.
    """

    async def look() -> Contents:
        store = open_store(url)
        try:
            return await contents(store)
        finally:
            await store.close()

    try:
        found = asyncio.run(look())
    except (StoreCorrupt, StoreTooNew, StoreTooOld, StoreUnavailable):
        return "refused", 0
    except StoreError as error:
        raise AssertionError(f"another error than that it is damaged: {error!r}") from error
    for back in range(last - first + 1):
        if found == held[last - back]:
            return "opened", back
    if apart and all(whole(run, kept) for run, kept in found.items()):
        return "opened", 1
    assert not (found or first), f"it gives what it never held, of {sorted(found)}"
    return "opened", last + 1


def whole(run: str, kept: tuple[Any, ...]) -> bool:
    """Whether a run is as it was after some turn of its own; it may lack its snapshot, which is never the truth."""
    index, events, snapshot, definition = kept
    length = len(events)
    return (
        index == row(run, length)
        and events == tuple(event(run, seq) for seq in range(1, length + 1))
        and (snapshot is None or (snapshot.seq <= length and snapshot.data == b"state %d" % snapshot.seq))
        and definition == b"definition"
    )


def cut(path: Path, length: int) -> None:
    with path.open("r+b") as file:
        file.truncate(length)


def flip(path: Path, place: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ (1 << bit)]))


Damage = Callable[[Path, Random], str | None]
"""Damages the files in a folder; says how, or None where there is nothing of the kind."""


def _log(folder: Path) -> Path | None:
    found = [path for path in folder.glob("*-wal") if path.stat().st_size > 32]
    return found[0] if found else None


def cut_log_at_a_frame(folder: Path, chance: Random) -> str | None:
    log = _log(folder)
    if log is None:
        return None
    frames = (log.stat().st_size - 32) // (24 + 4096)
    cut(log, 32 + chance.randrange(frames + 1) * (24 + 4096))
    return "log cut at a frame"


def cut_log_within_a_frame(folder: Path, chance: Random) -> str | None:
    log = _log(folder)
    if log is None:
        return None
    cut(log, chance.randrange(log.stat().st_size))
    return "log cut within a frame"


def flip_in_the_log(folder: Path, chance: Random) -> str | None:
    log = _log(folder)
    if log is None:
        return None
    flip(log, chance.randrange(log.stat().st_size), chance.randrange(8))
    return "bit flipped in the log"


def fill_the_log_with_noughts(folder: Path, chance: Random) -> str | None:
    """What some file systems leave of a block that was never written."""
    log = _log(folder)
    if log is None:
        return None
    size = log.stat().st_size
    start = chance.randrange(size)
    with log.open("r+b") as file:
        file.seek(start)
        file.write(bytes(min(4096, size - start)))
    return "log with a block of noughts"


def lose_the_index_of_the_log(folder: Path, chance: Random) -> str | None:
    for path in folder.glob("*-shm"):
        path.unlink()
        return "index of the log gone"
    return None


def flip_in_the_index_of_the_log(folder: Path, chance: Random) -> str | None:
    for path in folder.glob("*-shm"):
        flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
        return "bit flipped in the index of the log"
    return None


def cut_the_database(folder: Path, chance: Random) -> str | None:
    """Where nothing of it is in the log."""
    if _log(folder) is not None:
        return None
    path = next(folder.glob("*.db"))
    cut(path, chance.randrange(path.stat().st_size))
    return "database cut"


def flip_in_the_header(folder: Path, chance: Random) -> str | None:
    path = next(folder.glob("*.db"))
    flip(path, chance.randrange(min(100, path.stat().st_size)), chance.randrange(8))
    return "bit flipped in the header"


def older_log_beside_a_newer_database(folder: Path, chance: Random) -> str | None:
    """As a careless restore leaves it: the log of an earlier commit, whose frames were moved into the database since."""
    log = _log(folder) or next(folder.glob("*.db")).with_name("runs.db-wal")
    last = int(folder.name)
    earlier = [path for path in folder.parent.parent.glob("copies/*/*-wal") if int(path.parent.name) < last]
    if not earlier:
        return None
    earlier.sort(key=lambda path: int(path.parent.name))
    shutil.copy(chance.choice(earlier), log)
    return "log of an earlier commit"


def _journal(folder: Path, chance: Random) -> Path:
    return chance.choice(sorted(folder.glob("runs/runs/*.jsonl")))


def cut_a_journal(folder: Path, chance: Random) -> str | None:
    path = _journal(folder, chance)
    cut(path, path.stat().st_size - chance.randrange(min(300, path.stat().st_size)))
    return "journal cut"


def flip_in_a_journal(folder: Path, chance: Random) -> str | None:
    path = _journal(folder, chance)
    flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
    return "bit flipped in a journal"


def fill_a_journal_with_noughts(folder: Path, chance: Random) -> str | None:
    path = _journal(folder, chance)
    start = chance.randrange(path.stat().st_size)
    with path.open("r+b") as file:
        file.seek(start)
        file.write(bytes(path.stat().st_size - start))
    return "journal that ends in noughts"


def move_lines_of_a_journal(folder: Path, chance: Random) -> str | None:
    """Lose one, have one twice, or exchange two."""
    path = _journal(folder, chance)
    lines = path.read_bytes().splitlines(keepends=True)
    if len(lines) < 3:
        return None
    one, two = chance.sample(range(len(lines) - 1), 2)
    way = chance.randrange(3)
    if way == 0:
        del lines[one]
    elif way == 1:
        lines.insert(one, lines[two])
    else:
        lines[one], lines[two] = lines[two], lines[one]
    path.write_bytes(b"".join(lines))
    return "lines of a journal moved"


def exchange_journals(folder: Path, chance: Random) -> str | None:
    found = sorted(folder.glob("runs/runs/*.jsonl"))
    if len(found) < 2:
        return None
    one, two = chance.sample(found, 2)
    mine, theirs = one.read_bytes(), two.read_bytes()
    one.write_bytes(theirs)
    two.write_bytes(mine)
    return "journals exchanged"


def flip_in_a_snapshot(folder: Path, chance: Random) -> str | None:
    found = sorted(folder.glob("runs/snapshots/*"))
    if not found:
        return None
    path = chance.choice(found)
    flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
    return "bit flipped in a snapshot"


def lose_a_snapshot(folder: Path, chance: Random) -> str | None:
    found = sorted(folder.glob("runs/snapshots/*"))
    if not found:
        return None
    chance.choice(found).unlink()
    return "snapshot gone"


def spoil_the_format(folder: Path, chance: Random) -> str | None:
    path = folder / "runs" / "format.json"
    if chance.random() < 0.5:
        cut(path, chance.randrange(path.stat().st_size))
    else:
        flip(path, chance.randrange(path.stat().st_size), chance.randrange(8))
    return "format spoilt"


def lose_the_lock(folder: Path, chance: Random) -> str | None:
    (folder / "runs" / "lock").unlink()
    return "lock gone"


def leave_a_half_written_file(folder: Path, chance: Random) -> str | None:
    """As a process leaves it that dies while it writes."""
    for place in ("runs", "snapshots", "definitions"):
        (folder / "runs" / place / ".half").write_bytes(b'{"sum":"')
    return "half written file"


LOG = (
    cut_log_at_a_frame, cut_log_within_a_frame, flip_in_the_log, fill_the_log_with_noughts,
    older_log_beside_a_newer_database, cut_a_journal, flip_in_a_journal, fill_a_journal_with_noughts,
    move_lines_of_a_journal,
    flip_in_a_snapshot, lose_a_snapshot,  # where the last commit was the snapshot alone, it is as before that
)  # fmt: skip
"""Damage by which commits may be lost: as much as a log without its end holds less."""
APART = (
    flip_in_a_snapshot, lose_a_snapshot, older_log_beside_a_newer_database, cut_a_journal, flip_in_a_journal, fill_a_journal_with_noughts,
    move_lines_of_a_journal,
)  # fmt: skip
"""Damage to one run of several: the others are as they were."""
DAMAGES: dict[str, tuple[Damage, ...]] = {
    "sqlite": (
        cut_log_at_a_frame, cut_log_within_a_frame, flip_in_the_log, fill_the_log_with_noughts,
        older_log_beside_a_newer_database, lose_the_index_of_the_log, flip_in_the_index_of_the_log, cut_the_database,
        flip_in_the_header,
    ),
    "file": (
        cut_a_journal, flip_in_a_journal, fill_a_journal_with_noughts, move_lines_of_a_journal, exchange_journals,
        flip_in_a_snapshot, lose_a_snapshot, spoil_the_format, lose_the_lock, leave_a_half_written_file,
    ),
}  # fmt: skip
