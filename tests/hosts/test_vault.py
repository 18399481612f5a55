"""An envelope opens for one field of one run, with its key, as it was made; and nothing else tells the secret."""

from __future__ import annotations

import base64
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("cryptography")

from trellis.errors import UsageError
from trellis.hosts import vault as vaults
from trellis.hosts.vault import (
    BadKeys,
    CryptographyNeeded,
    EnvelopeDamaged,
    EnvelopeTooNew,
    KeyMissing,
    SecretUnreadable,
    Vault,
    key_of,
    opened,
    rebound,
    sealed,
)
from trellis.model.codec import encode_event
from trellis.model.events import ActionCompleted, AnswerGiven, Event, RunStarted, TimerFired

ONE, TWO = (base64.b64encode(bytes([n] * 31 + [7])).decode() for n in (1, 2))
SHORT = base64.b64encode(b"x" * 16).decode()
EXPECTED = (
    "expected `ID=BASE64,…`, each of 32 bytes (`openssl rand -base64 32` makes one), the first encrypts, all decrypt"
)
OLD = Vault.from_text(f"k1={ONE}")
BOTH = Vault.from_text(f"k2={TWO},k1={ONE}")
NEW = Vault.from_text(f"k2={TWO}")
TEXTS = st.text(st.characters(codec=None))  # with the halves of pairs that an environment may hold
SECRET = "c4nary-v4lue"


@given(TEXTS, TEXTS, TEXTS)
def test_what_was_sealed_opens_again(run: str, field: str, value: str) -> None:
    assert BOTH.open(run, field, BOTH.seal(run, field, value)) == value


def test_bytes_of_the_environment_that_are_no_text_come_back() -> None:
    assert OLD.open("r", "token", OLD.seal("r", "token", "a\udcff\ud800")) == "a\udcff\ud800"


@given(TEXTS, TEXTS, TEXTS, TEXTS)
def test_an_envelope_opens_for_no_other_run_or_field(run: str, field: str, other_run: str, other: str) -> None:
    envelope = OLD.seal(run, field, SECRET)
    if (run, field) == (other_run, other):
        assert OLD.open(other_run, other, envelope) == SECRET
    else:
        with pytest.raises(EnvelopeDamaged):
            OLD.open(other_run, other, envelope)


@pytest.mark.parametrize("to", [("ab", "c"), ("b", "a"), ("", "abc"), ("a", "b"), ("abc", "")])
def test_where_run_and_field_meet_is_bound_too(to: tuple[str, str]) -> None:
    with pytest.raises(EnvelopeDamaged):
        OLD.open(*to, OLD.seal("a", "bc", SECRET))


def test_an_envelope_in_which_any_character_is_another_does_not_open() -> None:
    envelope = OLD.seal("r", "token", SECRET)
    for place in range(len(envelope)):
        for other in "AQgw019_-.=+/ \n":
            if other != envelope[place]:
                with pytest.raises(SecretUnreadable):
                    OLD.open("r", "token", envelope[:place] + other + envelope[place + 1 :])


def test_an_envelope_of_which_a_part_is_missing_or_too_many_does_not_open() -> None:
    envelope = OLD.seal("r", "token", SECRET)
    cut = [envelope[:length] for length in range(len(envelope))]
    parts = envelope.split(".")
    short = [f"v1.k1.{wrapped}.{value}" for wrapped in ("", "AA", parts[2]) for value in ("", "AA", "A" * 40)]
    for text in [
        *short,
        *cut,
        envelope + "A",
        envelope + ".",
        f"{envelope}.{parts[3]}",
        envelope + "=",
        f" {envelope}",
    ]:
        with pytest.raises(SecretUnreadable):
            OLD.open("r", "token", text)


def test_parts_of_two_envelopes_make_no_third() -> None:
    first, second = OLD.seal("r", "token", "a").split("."), OLD.seal("r", "token", "b").split(".")
    with pytest.raises(EnvelopeDamaged):
        OLD.open("r", "token", ".".join([*first[:3], second[3]]))


@given(st.text())
def test_a_text_that_is_no_envelope_is_refused_and_nothing_worse(text: str) -> None:
    with pytest.raises(SecretUnreadable):
        BOTH.open("r", "token", text)


def test_each_refusal_says_what_to_do() -> None:
    envelope = OLD.seal("r", "token", SECRET)
    with pytest.raises(KeyMissing) as missing:
        NEW.open("r", "token", envelope)
    assert (missing.value.key, missing.value.known) == ("k1", ("k2",))
    assert str(missing.value) == (
        "secret 'token' of run 'r' cannot be read: it is under the key 'k1', and only 'k2' is given; "
        "add k1=… behind it to TRELLIS_SECRET_KEYS"
    )
    with pytest.raises(EnvelopeDamaged) as damaged:
        Vault.from_text(f"k1={TWO}").open("r", "token", envelope)
    assert str(damaged.value) == (
        "secret 'token' of run 'r' cannot be read: its envelope was changed, or moved from another run or field, "
        "or the key 'k1' is another one than it was"
    )
    with pytest.raises(EnvelopeDamaged) as none:
        OLD.open("r", "token", "plain")
    assert str(none.value) == (
        "secret 'token' of run 'r' cannot be read: its envelope was changed, or moved from another run or field"
    )
    with pytest.raises(EnvelopeTooNew) as newer:
        OLD.open("r", "token", envelope.replace("v1.", "v2.", 1))
    assert str(newer.value) == (
        "secret 'token' of run 'r' cannot be read: its envelope has version 'v2', known is v1; a newer Trellis made it"
    )
    assert {error.value.exit_code for error in (missing, damaged, none, newer)} == {UsageError.exit_code}


def test_no_two_envelopes_are_the_same_and_none_shows_the_secret_or_a_key() -> None:
    envelopes = {OLD.seal("r", "token", SECRET) for _ in range(100)}
    assert len(envelopes) == 100
    raw = base64.b64decode(ONE)
    for envelope in envelopes:
        bodies = [base64.urlsafe_b64decode(part + "==") for part in envelope.split(".")[2:]]
        assert all(SECRET.encode() not in body and raw not in body for body in bodies)
    for part in (2, 3):  # a nonce is used once, or the key that it was used with is lost
        assert len({envelope.split(".")[part][:16] for envelope in envelopes}) == 100


def test_the_first_key_encrypts_and_all_decrypt() -> None:
    old, new = OLD.seal("r", "token", SECRET), BOTH.seal("r", "token", SECRET)
    assert (key_of("r", "token", old), key_of("r", "token", new)) == ("k1", "k2")
    assert BOTH.open("r", "token", old) == BOTH.open("r", "token", new) == SECRET
    with pytest.raises(KeyMissing):
        OLD.open("r", "token", new)


BAD: list[tuple[str, list[str]]] = [
    ("", ["there is none"]),
    (" , ", ["there is none"]),
    (ONE, ["key 1: it is no `ID=BASE64`"]),
    (ONE.rstrip("="), ["key 1: it is no `ID=BASE64`"]),
    ("k1=", ["key 1: it is no `ID=BASE64`"]),
    (f"k1={SHORT}", ["key 1: it has 16 bytes, not 32"]),
    (f"k1={ONE}!", ["key 1: what follows its `=` is no base64"]),
    (f"={ONE}", ["key 1: its id is not 1 to 32 letters, digits, `_` and `-`"]),
    (f"a.b={ONE}", ["key 1: its id is not 1 to 32 letters, digits, `_` and `-`"]),
    (f"{'k' * 33}={ONE}", ["key 1: its id is not 1 to 32 letters, digits, `_` and `-`"]),
    (f"k1={ONE},k1={TWO}", ["key 2: it has the id of an earlier one"]),
    (f"k1={ONE},k2={ONE}", ["key 2: it is the same key as an earlier one"]),
    (f"k1={SHORT},k2={TWO},x", ["key 1: it has 16 bytes, not 32", "key 3: it is no `ID=BASE64`"]),
]


@pytest.mark.parametrize(("text", "faults"), BAD)
def test_a_text_that_holds_no_keys_is_refused_with_all_that_is_wrong(text: str, faults: list[str]) -> None:
    with pytest.raises(BadKeys) as bad:
        Vault.from_text(text)
    assert bad.value.faults == tuple(faults)
    assert str(bad.value) == f"secret keys: {'; '.join(faults)}; {EXPECTED}"


@given(st.text(), st.sampled_from([ONE, TWO, SHORT]), st.text())
def test_no_message_holds_a_part_of_a_key(before: str, key: str, after: str) -> None:
    try:
        said = repr(Vault.from_text(f"{before}{key}{after}"))
    except BadKeys as bad:
        said = str(bad)
    stem = key.rstrip("=")
    assert not before.startswith("@") or "file" in said or "there is none" in said
    if not before.startswith("@"):  # what follows it is a path
        assert stem[:12] not in said


def test_an_id_that_is_forgotten_does_not_make_the_key_one() -> None:
    for text in (SHORT, ONE, f"{ONE},k2={TWO}"):
        with pytest.raises(BadKeys) as bad:
            Vault.from_text(text)
        assert text[:8] not in str(bad.value)


def test_a_vault_shows_the_ids_of_its_keys_and_is_not_pickled() -> None:
    assert (repr(BOTH), BOTH.key, BOTH.keys) == ("Vault(k2, k1)", "k2", ("k2", "k1"))
    with pytest.raises(TypeError, match="^a vault is not pickled: its keys would lie open$"):
        pickle.dumps(BOTH)


def test_keys_are_read_from_a_file_line_by_line(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"k2={TWO}\nk1={ONE.rstrip('=')}\n")
    assert Vault.from_text(f"@{file}").open("r", "token", OLD.seal("r", "token", SECRET)) == SECRET


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    said: list[str] = []
    for write in (lambda: None, lambda: file.write_bytes(b"\xff"), lambda: file.write_text("k" * 70_000)):
        write()
        with pytest.raises(BadKeys) as bad:
            Vault.from_text(f"@{file}")
        said += bad.value.faults
    assert said == [
        f"the file '{file}' cannot be read: No such file or directory",
        f"the file '{file}' is no text of keys",
        f"the file '{file}' has more than 65536 characters",
    ]


def test_the_environment_gives_the_keys_or_there_is_no_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRELLIS_SECRET_KEYS", raising=False)
    assert Vault.from_environment() is None
    monkeypatch.setenv("TRELLIS_SECRET_KEYS", " ")
    assert Vault.from_environment() is None
    monkeypatch.setenv("TRELLIS_SECRET_KEYS", f" k2={TWO} , k1={ONE} ")
    vault = Vault.from_environment()
    assert vault is not None and vault.keys == ("k2", "k1")


def test_a_generated_key_is_a_new_one_each_time() -> None:
    lines = [Vault.generate() for _ in range(20)]
    vault = Vault.from_text(",".join(lines))
    assert vault.keys == tuple(line.partition("=")[0] for line in lines)
    assert vault.open("r", "token", vault.seal("r", "token", SECRET)) == SECRET


def test_without_the_library_keys_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(CryptographyNeeded) as needed:
        Vault.from_text(f"k1={ONE}")
    assert str(needed.value) == (
        "secret keys need the library cryptography: pip install 'trellis-engine[secrets]'; "
        "without keys (unset TRELLIS_SECRET_KEYS) secrets are not stored, and asked for again"
    )


def test_the_library_is_loaded_with_the_first_secret_and_not_before() -> None:
    program = (
        "import sys; from trellis.hosts.vault import Vault; v = Vault.from_text(sys.argv[1]);"
        "print('cryptography' in sys.modules); v.seal('r', 'f', 'x'); print('cryptography' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, f"k1={ONE}"], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.stdout.split() == ["False", "True"]


def test_an_event_carries_envelopes_where_there_is_a_vault() -> None:
    assert sealed(None, "r", {"token": SECRET}) == {}
    event = AnswerGiven(1.0, "ask", None, secrets=sealed(OLD, "r", {"token": SECRET}))
    assert SECRET.encode() not in encode_event(event)
    assert opened(OLD, "r", event.secrets, ["token"]) == ({"token": SECRET}, {})


def test_what_is_kept_is_opened_and_the_rest_is_said_or_asked_for() -> None:
    kept = {"a": OLD.seal("r", "a", "A"), "b": NEW.seal("r", "b", "B"), "c": OLD.seal("other", "c", "C")}
    values, refused = opened(NEW, "r", kept, ["a", "b", "c", "d"])
    assert values == {"b": "B"}
    assert {field: type(error) for field, error in refused.items()} == {"a": KeyMissing, "c": KeyMissing}
    values, refused = opened(BOTH, "r", kept, ["a", "c", "d"])
    assert (values, {field: type(error) for field, error in refused.items()}) == ({"a": "A"}, {"c": EnvelopeDamaged})
    values, refused = opened(None, "r", kept, ["a", "d"])
    assert (values, {field: str(error) for field, error in refused.items()}) == (
        {},
        {
            "a": "secret 'a' of run 'r' cannot be read: it is under the key 'k1', and no key is given; set TRELLIS_SECRET_KEYS to k1=…"
        },
    )


def test_the_events_of_a_fork_hold_envelopes_that_open_for_it_or_none() -> None:
    mine, lost = OLD.seal("r", "token", SECRET), NEW.seal("r", "token", SECRET)
    events: list[Event] = [
        RunStarted(1.0, "r", "5" * 64, secrets={"token": mine}),
        ActionCompleted(1.0, "q", secrets={"token": mine}),
        AnswerGiven(1.0, "a", secrets={"token": mine, "other": lost}),
    ]
    for event in events:
        forked = rebound(OLD, event, "r", "r-2")
        assert isinstance(forked, RunStarted | ActionCompleted | AnswerGiven)
        assert opened(OLD, "r-2", forked.secrets, forked.secrets) == ({"token": SECRET}, {})
        alone = rebound(None, event, "r", "r-2")
        assert isinstance(alone, RunStarted | ActionCompleted | AnswerGiven)
        assert alone.secrets == {}
    plain = TimerFired(1.0, "t")
    assert rebound(OLD, plain, "r", "r-2") is plain
    assert vaults.VARIABLE == "TRELLIS_SECRET_KEYS"


@given(st.binary(max_size=200))
def test_what_was_packed_opens_with_its_key_and_looks_different_each_time(data: bytes) -> None:
    packed = OLD.pack(data)
    assert OLD.unpack("k1", packed) == data
    assert OLD.pack(data) != packed
    assert len(packed) == len(data) + 48


def test_what_was_packed_with_the_sum_of_its_content_is_the_same_each_time() -> None:
    packed = OLD.pack(b"data", OLD.sum(b"data"))
    assert packed == OLD.pack(b"data", OLD.sum(b"data"))
    assert OLD.unpack("k1", packed) == b"data"
    assert OLD.sum(b"data") != OLD.sum(b"date")


def test_a_sum_tells_nothing_to_whoever_has_another_key() -> None:
    assert OLD.sum(b"data") != Vault.from_text(f"k1={TWO}").sum(b"data")


def test_what_was_packed_does_not_open_changed_or_with_another_key() -> None:
    packed = OLD.pack(b"data")
    for place in range(len(packed)):
        changed = bytearray(packed)
        changed[place] ^= 1
        assert OLD.unpack("k1", bytes(changed)) is None
    assert Vault.from_text(f"k1={TWO}").unpack("k1", packed) is None
    with pytest.raises(KeyError, match="k2"):
        OLD.unpack("k2", packed)
