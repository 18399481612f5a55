"""The part of the suite about what is kept: any bytes, any text that a value may be, of any size, unchanged."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from trellis.stores.base import Snapshot, Store, Turn
from trellis.testing.stores.stories import ROW, Stories

LARGE = bytes(range(256)) * 4096
"""A mebibyte that holds every byte."""

TEXTS = (
    "ключ/键 '\"%;--\\",
    "../../etc/passwd",
    "..",
    "/",
    "C:\\CON",
    "con",
    "CON",
    "a/b\\c:d*e?f<g>h|i",
    " r ",
    "r.",
    "R-1",
    "%2e%2e",
    "{{7*7}} $(id) `id` ${x}",
    "x" * 1000,
    "é",
    "e\u0301",
    "ﬁ",
    "\u202er\u200b\ufeff",
    "🌱" * 200,
    "*",
    "[a-z]",
    "NULL",
    "0",
    "1e3",
    "true",
)
"""Ids that file names, patterns, queries and numbers have taken for something else; no two are the same."""


class PayloadsPart(Stories):
    """create, append, read: stores know nothing of what they hold."""

    def test_any_bytes_come_back_as_they_went(self) -> None:
        """Events, snapshots and definitions: empty, large, no text, and looking like a store's own marks."""

        async def story(store: Store) -> None:
            texts = [b"", b"\n", b"\r\n", b"\x00", b"\xff\xfe", b" {} ", b"{}\n{}", b'{"a": 1}', b'{"a":1,"a":2}']
            texts += [b"null", b"NaN", b'"\xed\xa0\x80"', b"[" * 10_000, b"\\x00", b"'; --", LARGE, b'{"a":"\xff"}']
            _, epoch = await store.create(ROW, texts[:5], {ROW.graph: LARGE, "6" * 64: b"", "7" * 64: b"\n\x00"})
            assert epoch is not None
            turns = [Turn("r-1", seq, text, epoch, None) for seq, text in enumerate(texts[5:], 6)]
            assert list(await store.append(turns)) == [None] * len(turns)
            assert await store.read("r-1") == texts
            assert await store.read("r-1", 4) == texts[4:]
            assert await store.definition(ROW.graph) == LARGE
            assert (await store.definition("6" * 64), await store.definition("7" * 64)) == (b"", b"\n\x00")
            for seq, text in enumerate((LARGE, b"\n", b"\x00\xff"), len(texts) + 1):
                assert await store.append([Turn("r-1", seq, b"", epoch, None, snapshot=text)]) == [None]
                assert await store.snapshot("r-1") == Snapshot(seq, text)

        self.tell(story)

    def test_any_text_and_any_value_come_back_as_they_went(self) -> None:
        """Rows: every script, every control but U+0000, 64 bits, a hundred levels, and what looks like another type."""

        async def story(store: Store) -> None:
            deep: Any = 0
            for level in range(98):
                deep = [deep] if level % 2 else {"": deep}
            fields: dict[str, Any] = {
                "big": 2**63 - 1,
                "small": -(2**63),
                "floats": [1e-300, 5e-324, 1.7976931348623157e308, 0.1, 1.0, -0.5, 2.0**53 + 2],
                "kinds": [True, False, None, 0, 1, "", [], {}, "true", "null", "1", "1.0", "2024-05-01"],
                "text": "".join(map(chr, range(1, 0x300))) + "\u2028\ufeff\ufffe\U0010ffff🌱",
                "": {"": [[], {}]},
                "deep": deep,
                "long": "é" * 100_000,
                **{f"field {number}": number for number in range(300)},
                **{text: text for text in TEXTS},
            }
            given = replace(ROW, name="", source="Ω\n\t'", position=("a[3].é", "", *TEXTS), fields=fields, wake=None)
            given = replace(given, graph="no digest", status="running", request="q '\"\\%\n")
            _, epoch = await store.create(given, [b"1"], {"no digest": b"d"})
            assert epoch is not None
            kept = await store.row("r-1")
            assert kept == replace(given, revision=1)
            assert repr(kept) == repr(replace(given, revision=1))  # 1 and 1.0 are equal, and not the same
            other = replace(given, fields={"a": [1.0, 1, True]}, status="a'b", name="Ω", updated=1e9 + 1 / 3)
            assert await store.append([Turn("r-1", 2, b"2", epoch, other)]) == [None]
            assert repr(await store.row("r-1")) == repr(replace(other, revision=2))
            assert await store.definition("no digest") == b"d"

        self.tell(story)

    def test_any_text_is_the_id_of_a_run_of_its_own(self) -> None:
        """Ids that a file system, a query or a pattern would take for one another are different runs."""

        async def story(store: Store) -> None:
            for number, run in enumerate(TEXTS):
                row = replace(ROW, run=run, request=f"q {run}", fields={"number": number})
                assert await store.create(row, [run.encode()], {}) == (replace(row, revision=1), 1)
            for number, run in enumerate(TEXTS):
                turn = Turn(run, 2, b"two", 1, None, snapshot=run.encode())
                assert await store.append([turn]) == [None]
                assert await store.read(run) == [run.encode(), b"two"]
                assert await store.snapshot(run) == Snapshot(2, run.encode())
                found = await store.row(run)
                assert found is not None and (found.run, found.fields) == (run, {"number": number})
            assert {row.run for row in await store.rows()} == set(TEXTS)
            for left, run in enumerate(TEXTS, 1):
                await store.release(run)
                await store.delete(run)
                assert len(await store.rows()) == len(TEXTS) - left

        self.tell(story)

    def test_a_long_journal_is_read_whole_and_from_its_end(self) -> None:
        """read: thousands of events, in the order in which they were written."""

        async def story(store: Store) -> None:
            events = [b"%d" % seq for seq in range(1, 3001)]
            await store.create(ROW, events[:1000], {})
            turns = [Turn("r-1", seq, events[seq - 1], 1, None) for seq in range(1001, 3001)]
            assert list(await store.append(turns)) == [None] * 2000
            assert await store.read("r-1") == events
            assert await store.read("r-1", 2998) == events[2998:]

        self.tell(story)
