"""What goes into a process and what comes out of it: words, stdin, environment, stdout, exit status."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dispatch.attempts import attempt, command, play, shell
from trellis.dispatch.process import read
from trellis.model.actions import Completed, Failed
from trellis.model.values import canonical, reject
from trellis.testing.dispatchers import call


def invalid(message: str) -> Failed:
    return Failed("invalid", message, retryable=False)


def value(report: Any) -> Any:
    assert isinstance(report, Completed), report
    return report.value


def test_words_are_templates_over_the_arguments_and_no_shell_reads_them(tmp_path: Path) -> None:
    words = [
        "--name={{ args.name }}",
        "{{ args.n }}",
        "{{ args.whole }}",
        "{{ args.list }}",
        "{{ args.yes }}",
        "$HOME; *",
    ]
    router = command(tmp_path, sys.executable, "-c", "import sys, json; print(json.dumps(sys.argv[1:]))", *words)
    report = attempt(
        router, "tool", name="a b; rm -rf 'x' {{ args.n }}", n=7, whole=2.0, list=[1, {"b": "c"}], yes=True
    )
    assert value(report) == ["--name=a b; rm -rf 'x' {{ args.n }}", "7", "2", '[1,{"b":"c"}]', "true", "$HOME; *"]


def test_a_word_whose_argument_is_missing_or_null_is_refused_and_nothing_runs(tmp_path: Path) -> None:
    router = command(tmp_path, "touch", "{{ args.name }}")
    assert attempt(router, "tool", name=None) == invalid(
        "the command of 'tool' does not fit its arguments: cannot evaluate `{{ args.name }}`: it is null; "
        "default(…, …) says what to write then"
    )
    missing = attempt(router, "tool")
    assert isinstance(missing, Failed)
    assert (missing.code, missing.retryable) == ("invalid", False)
    assert missing.message.startswith("the command of 'tool' does not fit its arguments: cannot evaluate `")
    assert "`args` has no key 'name'" in missing.message
    assert list(tmp_path.iterdir()) == []


def test_a_word_that_is_no_template_is_refused(tmp_path: Path) -> None:
    report = attempt(command(tmp_path, "echo", "{{ args."), "tool")
    assert isinstance(report, Failed)
    assert (report.code, report.retryable) == ("invalid", False)
    assert report.message.startswith("the command of 'tool' cannot be read: this {{ is never closed")


def test_a_process_works_in_the_folder_of_the_document(tmp_path: Path) -> None:
    script = tmp_path / "here.sh"
    script.write_text("#!/bin/sh\npwd\n")
    script.chmod(0o755)
    assert attempt(command(tmp_path, "./here.sh"), "tool") == Completed(str(tmp_path.resolve()))


ARGS = {"b": "olá", "a": [1, 2.0, None]}
ARGS_JSON = '{"a":[1,2.0,null],"b":"olá"}'


def test_arguments_arrive_as_canonical_json_on_stdin_and_in_the_environment(tmp_path: Path) -> None:
    script = "import sys, os, json; print(json.dumps([sys.stdin.read(), os.environ['TRELLIS_ARGS']]))"
    router = command(tmp_path, sys.executable, "-X", "utf8", "-c", script)
    assert attempt(router, "tool", **ARGS) == Completed([ARGS_JSON, ARGS_JSON])
    assert attempt(router, "tool") == Completed(["{}", "{}"])


@pytest.mark.parametrize(("size", "in_environment"), [(32 * 1024 - 1, True), (32 * 1024, False)])
def test_arguments_of_32_kib_and_more_are_on_stdin_alone(size: int, in_environment: bool, tmp_path: Path) -> None:
    text = "x" * (size - len('{"a":""}'))
    assert len(canonical({"a": text})) == size
    script = "import sys, os, json; print(json.dumps([len(sys.stdin.read()), 'TRELLIS_ARGS' in os.environ]))"
    assert attempt(command(tmp_path, sys.executable, "-c", script), "tool", a=text) == Completed([size, in_environment])


def test_arguments_larger_than_a_pipe_arrive_whole_and_by_name(tmp_path: Path) -> None:
    text = "x" * 3_000_000
    for words in (["cat"], ["cat", "/dev/stdin"]):
        assert attempt(command(tmp_path, *words), "tool", a=text) == Completed({"a": text})


def test_a_tool_need_not_read_its_stdin(tmp_path: Path) -> None:
    assert attempt(command(tmp_path, "true"), "tool", a="x" * 3_000_000) == Completed(None)
    assert attempt(shell(tmp_path, "exec <&-; echo fine"), "tool", a=1) == Completed("fine")


def test_the_environment_holds_the_run_the_tool_s_own_and_little_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {"HOME": "/h", "LANG": "C", "LC_TIME": "pt_PT", "TMPDIR": "/t", "TZ": "UTC", "TRACEPARENT": "00-1-2-01"}
    for name in list(os.environ):
        if name != "PATH":
            monkeypatch.delenv(name)
    for name, text in kept.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "sesame")
    env = {"WHO": "{{ args.who }}", "TZ": "Europe/Lisbon", "TRELLIS_NODE": "mine"}
    request = call("tool", who="ana")
    report = play(command(tmp_path, "env", "-0", env=env).dispatch(request))
    assert report == invalid("stdout holds no value of ours: text holds U+0000, which not every store keeps")
    report = play(command(tmp_path, "env", env=env).dispatch(request))
    assert dict(line.split("=", 1) for line in value(report).split("\n")) == kept | {
        "PATH": os.environ["PATH"],
        "WHO": "ana",
        "TZ": "Europe/Lisbon",
        "TRELLIS_RUN_ID": "r-1",
        "TRELLIS_NODE": "work",
        "TRELLIS_ATTEMPT": "1",
        "TRELLIS_IDEMPOTENCY_KEY": "r-1/work/7",
        "TRELLIS_ARGS": '{"who":"ana"}',
    }


def test_the_attempt_is_told_and_the_key_stays(tmp_path: Path) -> None:
    router = shell(tmp_path, "echo $TRELLIS_ATTEMPT $TRELLIS_IDEMPOTENCY_KEY")
    again = msgspec.structs.replace(call("tool"), attempt=3)
    assert play(router.dispatch(again)) == Completed("3 r-1/work/7")


@pytest.mark.parametrize(
    ("stdout", "report"),
    [
        (b"", Completed(None)),
        (b" \n\t\n", Completed(None)),
        (b"null\n", Completed(None)),
        (b' {"a": [1, 2.5, "x"]}\n', Completed({"a": [1, 2.5, "x"]})),
        (b"7", Completed(7)),
        (b"007", Completed("007")),
        (b"true", Completed(value=True)),
        (b'"quoted"', Completed("quoted")),
        (b'"half', Completed('"half')),
        (b"  two\nlines  \n", Completed("two\nlines")),
        ("olá\n".encode(), Completed("olá")),
        (b"NaN", Completed("NaN")),
        (b"Infinity", Completed("Infinity")),
        (b"1e999", Completed("1e999")),
        (b'{"a": ', invalid("stdout is JSON that ends early, after 5 characters; print the whole value")),
        (b"[1, 2", invalid("stdout is JSON that ends early, after 5 characters; print the whole value")),
        (b"[INFO] done", Completed("[INFO] done")),
        (
            b"[NaN]",
            Completed("[NaN]"),
        ),
        (
            b'{"a": 1}\n{"a": 2}',
            Completed('{"a": 1}\n{"a": 2}'),
        ),
        (b"18446744073709551616", invalid("stdout holds no value of ours: integer beyond 64 bits")),
        (
            b'{"a": "\\u0000"}',
            invalid("stdout holds no value of ours: at a: text holds U+0000, which not every store keeps"),
        ),
        (b"[" * 200 + b"]" * 200, invalid("stdout holds no value of ours: at " + "[0]" * 100 + ": nested too deep")),
        (b"[" * 100_000, invalid("stdout holds no value of ours: nested too deep")),
        (b"caf\xe9", invalid("stdout is not UTF-8: byte 0xe9 at offset 3")),
        (b'{"a": "\xff"}', invalid("stdout is not UTF-8: byte 0xff at offset 7")),
    ],
    ids=lambda part: repr(part)[:30],
)
def test_what_is_printed_is_the_value(stdout: bytes, report: Completed | Failed) -> None:
    assert read(stdout) == report


@given(st.binary())
def test_whatever_is_printed_gives_a_value_of_ours_or_a_report(stdout: bytes) -> None:
    report = read(stdout)
    if isinstance(report, Completed):
        assert reject(report.value) is None
    else:
        assert (report.code, report.retryable) == ("invalid", False)
        assert reject(report.message) is None


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda part: st.lists(part) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), part),
)  # fmt: skip


@given(values, st.sampled_from(["\n", "  \n", ""]))
def test_a_value_printed_as_json_is_that_value(data: Any, after: str) -> None:
    assert read((json.dumps(data) + after).encode()) == Completed(data)


def test_the_json_that_a_process_prints_is_its_value(tmp_path: Path) -> None:
    assert attempt(shell(tmp_path, """printf '{"id": "s-%s", "port": 22}' "$1" """), "tool") == Completed(
        {"id": "s-", "port": 22}
    )
    assert attempt(shell(tmp_path, """printf '{"id": "s-1", "po'"""), "tool") == invalid(
        "stdout is JSON that ends early, after 17 characters; print the whole value"
    )


@pytest.mark.parametrize(
    ("script", "report"),
    [
        ("exit 3", Failed("failed", "exit status 3")),
        ("echo ignored; echo '  no room ' >&2; exit 1", Failed("failed", "no room")),
        ("printf 'caf\\351' >&2; exit 1", Failed("failed", "caf\ufffd")),
        ("kill -KILL $$", Failed("failed", "killed by SIGKILL")),
        ("echo why >&2; kill -TERM $$", Failed("failed", "killed by SIGTERM: why")),
        ("echo fine; echo warning >&2", Completed("fine")),
    ],
)
def test_the_exit_status_decides(script: str, report: Completed | Failed, tmp_path: Path) -> None:
    assert attempt(shell(tmp_path, script), "tool") == report


def test_only_the_end_of_stderr_is_kept(tmp_path: Path) -> None:
    script = "import sys; sys.stderr.write('x' * 3_000_000 + 'the end\\n'); sys.exit(1)"
    report = attempt(command(tmp_path, sys.executable, "-c", script), "tool")
    assert report == Failed("failed", "x" * (4096 - len("the end\n")) + "the end")


def test_a_program_that_is_missing_is_an_unknown_tool(tmp_path: Path) -> None:
    def missing(message: str) -> Failed:
        return Failed("unknown_tool", message, retryable=False)

    (tmp_path / "odd.sh").write_text("#!/no/such/interpreter\n")
    (tmp_path / "odd.sh").chmod(0o755)
    assert attempt(command(tmp_path, "no-such-program"), "tool") == missing("no program 'no-such-program' on PATH")
    assert attempt(command(tmp_path, "./gone.sh"), "tool") == missing(f"no program './gone.sh' in {tmp_path}")
    assert attempt(command(tmp_path, "./odd.sh"), "tool") == missing(
        "'./odd.sh' cannot be started: the interpreter in its first line does not exist"
    )
    assert attempt(command(tmp_path / "gone", "true"), "tool") == missing(
        f"'true' cannot be started: its folder {tmp_path / 'gone'} does not exist"
    )


def test_a_program_that_cannot_be_started_says_why(tmp_path: Path) -> None:
    (tmp_path / "plain.txt").write_text("hello\n")
    assert attempt(command(tmp_path, "./plain.txt"), "tool") == Failed(
        "denied", "'./plain.txt' is not executable; try chmod +x ./plain.txt", retryable=False
    )
    (tmp_path / "plain.txt").chmod(0o755)
    assert attempt(command(tmp_path, "./plain.txt"), "tool") == invalid(
        "'./plain.txt' is no program; its first line may lack #! and an interpreter"
    )
    assert attempt(command(tmp_path, "echo", "{{ args.a }}"), "tool", a="x" * 4_000_000) == invalid(
        "the command line of 'echo' is too long; its arguments are on stdin as well"
    )
    assert attempt(command(tmp_path, "a\0b"), "tool") == invalid("'a?b' cannot be started: embedded null byte")


def test_whatever_comes_on_stderr_is_a_beat_and_what_comes_on_stdout_is_the_value(tmp_path: Path) -> None:
    beats: list[object] = []

    class Heard(type(call("tool")), frozen=True):  # type: ignore[misc, call-arg]
        def heartbeat(self, details: object = None) -> None:
            beats.append(details)

    request = call("tool")
    heard = Heard(**{name: getattr(request, name) for name in request.__struct_fields__})
    loud, quiet = shell(tmp_path, "echo 40 of 100 >&2; echo done"), shell(tmp_path, "echo done")
    assert (value(play(loud.dispatch(heard))), bool(beats)) == ("done", True)
    beats.clear()
    assert (value(play(quiet.dispatch(heard))), beats) == ("done", [])
