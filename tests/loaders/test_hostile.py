"""No bytes do more to the reader than make a problem, and none takes long."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.loaders.documents import PROVISION, yaml_texts
from trellis.loaders import read

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 120))

HOSTILE: list[tuple[str, bytes, list[str]]] = [
    ("alias bomb", BOMB.encode(), ["E104"]),
    ("many aliases", b"a: &x 1\nb: [" + b"*x, " * 5_000 + b"]", ["E104"]),
    ("chain of aliases", CHAIN.encode(), ["E107"]),
    ("cyclic alias", b"a: &x {b: *x}\nc: &y [[*y]]", ["E104"]),
    ("depth of lists", b"[" * 100_000, ["E107"]),
    ("depth of maps", b"{a: " * 100_000, ["E107"]),
    ("depth of block lists", b"- " * 100_000, ["E107"]),
    ("depth of keys", b"? " * 100_000, ["E107"]),
    ("depth of block maps", b"".join(b" " * n + b"a:\n" for n in range(1_000)), ["E107"]),
    ("python object", b"trellis: !!python/object/apply:os.system [echo]", ["E103"]),
    ("50 MB scalar", b"trellis: " + b"x" * 50_000_000, ["E109"]),
    ("15 MB scalar", b"trellis: 1\ntools: {}\nx-a: " + b"x" * 15_000_000, []),
    ("15 MB text", b"trellis: 1\ntools: {}\nx-a: |\n" + b"  some words\n" * 1_200_000, []),
    ("2 MB number", b"trellis: 1\ntools: {}\nx-a: 1" + b"0" * 2_000_000, ["E114"]),
    ("NUL", b"trellis: 1\0\ntools: {}", ["E112"]),
    ("only NUL", b"\0" * 1_000_000, ["E112"]),
    ("all controls", bytes(range(32)) * 10_000, ["E112"]),
    ("lone surrogate", b'trellis: 1\ntools: {}\nx-a: "\\ud800"', ["E115"]),
    ("surrogate in UTF-8", b"a: \xed\xa0\x80", ["E111"]),
    ("huge escape", b'a: "\\UFFFFFFFF"', ["E101"]),
    ("byte order mark", b"\xef\xbb\xbf" + b"trellis: 1\ntools: {}\n", []),
    ("line ends of Windows", b"trellis: 1\r\ntools: {}\r\n", []),
    ("many tags", b"a: [" + b"!x 1, " * 10_000 + b"]", ["E103", "E117"]),
    ("many equal keys", b"a: 1\n" * 50_000, ["E102", "E117"]),
    ("many unknown keys", b"trellis: 1\ntools: {}\n" + b"".join(b"k%d: 1\n" % n for n in range(20_000)), ["E117", "E201"]),
    ("many documents", b"---\n" * 100_000, ["E106"]),
    ("many anchors", b"a: [" + b"".join(b"&a%d 1, " % n for n in range(5_000)) + b"]", ["E201", "E203"]),
    ("long key", b"k" * 1_000_000 + b": 1", ["E101"]),
    ("long list as a key", b"{[" + b"1, " * 10_000 + b"]: 2}", ["E101"]),
    ("open quote", b'a: "' + b"x\n" * 100_000, ["E101"]),
    ("many question marks", b"? a\n" * 20_000, ["E102", "E117"]),
    ("colons", b":" * 100_000, ["E101"]),
    ("brackets", b"[]" * 50_000, ["E101"]),
    ("commas", b"{" + b"," * 100_000, ["E101"]),
]  # fmt: skip


@pytest.mark.parametrize(("data", "codes"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_bytes_make_problems_and_nothing_else(data: bytes, codes: list[str]) -> None:
    found = {each.code for each in read("f", data).problems}
    assert sorted(found & set(codes)) == codes
    assert found or not codes


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_bytes_raise(data: bytes) -> None:
    read("f", data)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30) | yaml_texts)
def test_no_text_raises(text: str) -> None:
    reading = read("f", text.encode("utf-8", "surrogatepass"))
    assert reading.problems or reading.document
    assert list(reading.problems) == sorted(set(reading.problems))


@settings(max_examples=100, deadline=None)
@given(
    st.integers(0, len(PROVISION)),
    st.integers(0, 30),
    st.text(max_size=6) | st.sampled_from(("{", "'", "&a ", "*a", "!t ", "- ", ": ")),
)
def test_no_slip_of_the_hand_raises(start: int, length: int, text: str) -> None:
    read("f", (PROVISION[:start] + text + PROVISION[start + length :]).encode("utf-8", "surrogatepass"))
