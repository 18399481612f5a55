"""A torn end is cut off and loses nothing that counted; any other damage is found, and named by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.stores.file_stores import ROW, URL, create, journal, opened, told
from trellis.errors import StoreCorrupt, UnknownRun
from trellis.stores.base import Due, Turn
from trellis.stores.file import FileStore, lines
from trellis.stores.file.lines import Line, Saved
from trellis.testing.stores import refusal

pytestmark = pytest.mark.covers("TR04", "GT08")

EVENTS = [b'{"type":"run_started"}', b'{"n":2}', b"\xff two lines\n", b'{"n":4}']


def begun(folder: Path) -> bytes:
    """A run of four events, each on a line; what its file holds."""

    async def story(store: FileStore) -> None:
        await store.create(replace(ROW, wake=0.0), EVENTS[:1], {ROW.graph: b"definition"})
        for seq in (2, 3, 4):
            row = replace(ROW, wake=0.0, fields={"seq": seq})
            assert await store.append([Turn("r-1", seq, EVENTS[seq - 1], 1, row)]) == [None]

    told(folder, story)
    return journal(folder).read_bytes()


def corrupt(line: int, what: str = "the line is not as it was written", name: str = "00000001-k-r-1.jsonl") -> object:
    reason = f"runs/{name}, line {line}: {what}; restore the file, or move it elsewhere"
    return StoreCorrupt, {"url": URL, "reason": reason}


@pytest.mark.slow
def test_a_last_line_that_was_torn_at_any_byte_never_counted(tmp_path: Path) -> None:
    whole = begun(tmp_path)
    file = journal(tmp_path)
    last = whole.rindex(b"\n", 0, -1) + 1
    kept = replace(ROW, wake=0.0, fields={"seq": 3}, revision=3)
    for end in range(last, len(whole) - 1):
        file.write_bytes(whole[:end])

        async def story(store: FileStore) -> None:
            assert await store.row("r-1") == kept
            assert await store.read("r-1") == EVENTS[:3]
            assert await store.claim("r-1") == 2
            assert await store.append([Turn("r-1", 4, b"anew", 2, None)]) == [None]
            assert await store.read("r-1", 2) == [EVENTS[2], b"anew"]

        told(tmp_path, story)
        assert file.read_bytes().startswith(whole[:last])
        assert told(tmp_path, lambda store: store.read("r-1", 3)) == [b"anew"]


def test_a_last_line_that_lacks_only_its_line_break_counts(tmp_path: Path) -> None:
    """An editor may have taken it away; what was told to count stays."""
    whole = begun(tmp_path)
    file = journal(tmp_path)
    file.write_bytes(whole[:-1])
    assert told(tmp_path, lambda store: store.read("r-1")) == EVENTS
    assert file.read_bytes() == whole


def test_a_first_line_that_lacks_only_its_line_break_counts(tmp_path: Path) -> None:
    told(tmp_path, lambda store: create(store, "r-1"))
    file = journal(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1])
    assert told(tmp_path, lambda store: store.read("r-1")) == [b"1"]
    assert file.read_bytes() == whole


def test_torn_bytes_of_any_kind_are_cut_off(tmp_path: Path) -> None:
    whole = begun(tmp_path)
    file = journal(tmp_path)
    for torn in (b"\x00", b"\x00" * 5000, b"\xff", b"{", b'{"sum":"00000000"}', b'{"sum":"', whole[:50]):
        file.write_bytes(whole + torn)
        assert told(tmp_path, lambda store: store.read("r-1")) == EVENTS
        assert file.read_bytes() == whole


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_bit_that_flips_is_found_wherever_it_is(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flipped", numbered=True)
    whole = begun(folder)
    file = journal(folder)
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    file.write_bytes(flipped)
    if at == len(whole) - 1:
        return  # the line break of the last line: what is left looks torn

    async def story(store: FileStore) -> None:
        line = whole.count(b"\n", 0, at) + 1
        # Without its line break a line is one with the next; with one more it is two: both are wrong from there on.
        kind, known = await refusal(store.rows())
        assert kind is StoreCorrupt
        assert known["reason"].startswith(f"runs/00000001-k-r-1.jsonl, line {line}: ")

    told(folder, story)
    assert file.read_bytes() == flipped


def test_lines_that_are_gone_doubled_or_moved_are_found(tmp_path: Path) -> None:
    whole = begun(tmp_path)
    file = journal(tmp_path)
    one, two, three, four = whole.splitlines(keepends=True)
    for damaged, line in (
        ([one, three, four], 2),
        ([one, two, four], 3),
        ([one, two, two, three, four], 3),
        ([one, three, two, four], 2),
        ([two, three, four], 1),
        ([one, two, three, four, one], 5),
        ([one, b"\n", two, three, four], 2),
        ([one, one, two, three, four], 2),
    ):
        file.write_bytes(b"".join(damaged))
        assert told(tmp_path, lambda store: refusal(store.read("r-1"))) == corrupt(line)
    file.write_bytes(b"")
    assert told(tmp_path, lambda store: refusal(store.rows())) == corrupt(1, "the file is empty")


def test_a_line_of_another_run_is_found(tmp_path: Path) -> None:
    begun(tmp_path)
    file = journal(tmp_path)
    told(tmp_path, lambda store: create(store, "r-2"))
    other = tmp_path / "runs/runs/00000005-k-r-2.jsonl"
    file.write_bytes(file.read_bytes() + other.read_bytes())
    assert told(tmp_path, lambda store: refusal(store.read("r-1"))) == corrupt(5)
    assert told(tmp_path, lambda store: store.read("r-2")) == [b"1"]


def test_one_damaged_run_does_not_stop_the_others(tmp_path: Path) -> None:
    """But what is about all runs cannot be answered; once the file is whole again, all is as it was."""
    begun(tmp_path)
    file = journal(tmp_path)
    whole = file.read_bytes()

    async def story(store: FileStore) -> None:
        await create(store, "r-2", wake=0.0)
        await store.release("r-2")
        file.write_bytes(whole.replace(b'"n":2', b'"n":3'))
        theirs = opened(tmp_path)
        damage = corrupt(2)
        assert await refusal(theirs.read("r-1")) == await refusal(theirs.claim("r-1")) == damage
        assert await refusal(theirs.row("r-1")) == await refusal(theirs.delete("r-1")) == damage
        assert await refusal(theirs.create(ROW, [b"1"], {})) == await refusal(theirs.rows()) == damage
        assert await refusal(theirs.create(replace(ROW, run="r-3", request="q"), [b"1"], {})) == damage
        assert await refusal(theirs.create(replace(ROW, run="r-3"), [b"1"], {}, at_most=9)) == damage
        assert await theirs.create(replace(ROW, run="r-3"), [b"1"], {}) == (replace(ROW, run="r-3", revision=1), 1)
        assert await theirs.claim_due(1.0, limit=9) == Due((("r-2", 2),), None)
        assert await theirs.append([Turn(run, 2, b"2", epoch, None) for run, epoch in (("r-2", 2), ("r-3", 1))]) == [
            None,
            None,
        ]
        file.write_bytes(whole)
        assert await theirs.read("r-1") == EVENTS
        assert len(await theirs.rows()) == 3
        assert await refusal(theirs.read("r-4")) == (UnknownRun, {"run": "r-4"})
        await theirs.close()

    told(tmp_path, story)


def test_a_definition_that_a_damaged_run_may_need_outlives_the_runs_that_can_be_read(tmp_path: Path) -> None:
    begun(tmp_path)
    file = journal(tmp_path)
    whole = file.read_bytes()
    told(tmp_path, lambda store: create(store, "r-2"))
    file.write_bytes(whole.replace(b'"n":2', b'"n":3'))
    told(tmp_path, lambda store: store.delete("r-2"))
    file.write_bytes(whole)
    assert told(tmp_path, lambda store: store.definition(ROW.graph)) == b"definition"


def test_a_run_whose_first_line_is_damaged_may_be_any_run(tmp_path: Path) -> None:
    """So no run is taken for one that was never created."""
    begun(tmp_path)
    file = journal(tmp_path)
    told(tmp_path, lambda store: create(store, "r-2"))
    file.write_bytes(b"x" + file.read_bytes()[1:])

    async def story(store: FileStore) -> None:
        assert await refusal(store.row("r-1")) == await refusal(store.create(ROW, [b"1"], {})) == corrupt(1)
        assert await store.read("r-2") == [b"1"]

    told(tmp_path, story)


def test_a_journal_that_shrinks_or_changes_under_its_owner_is_found(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        for seq in (2, 3):
            await store.append([Turn("r-1", seq, b"{}", 1, None)])
        file = journal(tmp_path)
        whole = file.read_bytes()
        file.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
        assert (await refusal(store.append([Turn("r-1", 4, b"x", 1, None)])))[0] is StoreCorrupt
        assert await refusal(store.read("r-1")) == corrupt(3, "the line is gone, or not as it was written")
        file.write_bytes(whole[:-5] + b"xxxxx")
        assert await refusal(store.read("r-1")) == corrupt(3)
        file.write_bytes(whole)
        assert await store.append([Turn("r-1", 4, b"4", 1, None)]) == [None]
        assert await store.read("r-1", 3) == [b"4"]

    told(tmp_path, story)


def test_a_journal_that_was_cut_since_it_was_read_is_not_taken_for_whole(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        for seq in (2, 3):
            await store.append([Turn("r-1", seq, b"{}", 1, None)])
        file = journal(tmp_path)
        whole = file.read_bytes()
        theirs = opened(tmp_path)
        assert len(await theirs.read("r-1")) == 3
        await create(store, "r-2")
        file.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 1])
        cut = corrupt(3, f"the file had {len(whole)} bytes, and was cut")
        assert await refusal(theirs.row("r-1")) == cut
        await theirs.close()

    told(tmp_path, story)


def test_an_event_out_of_order_is_found_though_its_sum_is_right(tmp_path: Path) -> None:
    told(tmp_path, lambda store: create(store, "r-1"))
    file = journal(tmp_path)
    got = lines.read(file.read_bytes(), 0)
    assert got is not None
    file.write_bytes(file.read_bytes() + lines.written(Line(seq=3), b"3", got[1])[0])
    assert told(tmp_path, lambda store: refusal(store.read("r-1"))) == corrupt(2, "event 3 follows on event 1")


def test_what_others_write_while_a_journal_is_read_is_not_of_that_reading(tmp_path: Path) -> None:
    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        index = store._journals._index
        known = index.runs["r-1"]
        with known.file.open("rb") as stream:
            await store.append([Turn("r-1", 2, b"2", 1, None)])
            assert index.events(known, stream) == [b"1"]

    told(tmp_path, story)


def test_a_store_that_was_open_sees_the_damage_that_another_finds(tmp_path: Path) -> None:
    """After another process wrote, the sizes tell which journals are to be read."""

    async def story(store: FileStore) -> None:
        await create(store, "r-1")
        await store.release("r-1")
        theirs = opened(tmp_path)
        assert await theirs.claim("r-1") == 2
        file = journal(tmp_path)
        file.write_bytes(file.read_bytes()[:-3] + b"xx\n" + b"more\n")
        assert (await refusal(store.row("r-1")))[0] is StoreCorrupt
        await theirs.close()

    told(tmp_path, story)


@given(st.binary(), st.integers(0, 2**32 - 1))
def test_any_event_is_a_line_and_comes_back(event: bytes, before: int) -> None:
    for text in (event, b"{" + event, b'{"a":"' + event + b'"}', b'{"a":' + event + b"}"):
        line = Line(seq=3, row=ROW, owner="", snapshot=Saved(3, "1-2", 7), definitions={"é": 1})
        data, own = lines.written(line, text, before)
        assert data.endswith(b"\n") and data.count(b"\n") == 1
        got = lines.read(data, before)
        assert got is not None and got[1] == own
        assert lines.happened(got[0]) == text
        assert (got[0].seq, got[0].row, got[0].owner) == (3, ROW, "")
        assert (got[0].snapshot, got[0].definitions) == (Saved(3, "1-2", 7), {"é": 1})
        assert lines.read(data, before ^ 1) is None


def test_the_event_is_as_readable_as_it_can_be() -> None:
    for event, shown in (
        (b'{"a": [1, "\\n"]}', b'"event":{"a": [1, "\\n"]}'),
        (b"{}\n", b'"data":"e30K"'),
        (b'{"a":1', b'"data":"eyJhIjox"'),
        (b"", b'"data":""'),
        (b'{"a":1},"seq":9', b'"data":"eyJhIjoxfSwic2VxIjo5"'),
    ):
        assert shown in lines.written(Line(seq=1), event, 0)[0]
