"""The documentation is true, and the tool that says so notices when it is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.tooling.docs_blocks import ROOT, pages, untrue
from tests.tooling.fences import commands

Check = Callable[[str], list[str]]
HELLO = (
    "```yaml\n# file: hello.yaml\ntrellis: 1\nname: hello\nstart: greet\nnodes:\n  greet: {say: Hello, to: $end}\n```\n"
)


@pytest.fixture
def faults_of(tmp_path: Path) -> Check:
    """Faults of a page with that text, without the page's name."""

    def check(text: str) -> list[str]:
        page = tmp_path / "page.md"
        page.write_text(text, "utf-8")
        _, found = untrue(page, tmp_path)
        return [fault.removeprefix("page.md:") for fault in found]

    return check


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_code_block_of_the_page_is_true(page: Path) -> None:
    assert untrue(page, forked=True)[1] == []  # `make blocks` starts each command as a person would


def test_a_block_in_a_language_nobody_checks_is_untrue(faults_of: Check) -> None:
    known = "yaml, console, python, json, toml, text, mermaid, markdown"
    assert faults_of("# A\n\n```rust\nfn main() {}\n```\n") == [
        f"4: nothing checks a block of rust; known: {known}",
    ]
    assert faults_of("```\nplain\n```\n") == [f"2: nothing checks a block of no language; known: {known}"]


def test_python_blocks_of_a_page_share_their_names(faults_of: Check) -> None:
    assert faults_of("```python\nx = 1\n```\n\n```python\nassert x == 1\n```\n") == []


def test_what_a_page_shows_as_printed_is_what_the_python_before_it_prints(faults_of: Check) -> None:
    program = "```python\nprint('a')\nprint(1 / 4)\n```\n\n"
    assert faults_of(program + "```text printed\na\n0.25\n```\n") == []
    assert faults_of(program + "```text printed\na\n…\n```\n") == []
    assert faults_of(program + "```text\nb\n```\n") == []
    assert faults_of(program + "```text printed\na\n```\n") == [
        "7: the page shows\na\nbut the block before it prints\na\n0.25",
    ]
    assert faults_of(program + "```python\nx = 1\n```\n\n```text printed\na\n0.25\n```\n") != []


def test_a_python_block_that_raises_is_reported_at_its_own_line(faults_of: Check) -> None:
    assert faults_of("A\n\n```python\nx = 1\nassert x == 2, x\n```\n") == ["5: AssertionError: 1"]


def test_a_python_block_with_a_file_name_is_written_and_not_run(faults_of: Check) -> None:
    written = "```python\n# file: tools.py\nraise SystemExit\n```\n"
    read = "```python\nfrom pathlib import Path\nassert 'Exit' in Path('tools.py').read_text()\n```\n"
    assert faults_of(written + read) == []


def test_malformed_data_is_untrue(faults_of: Check) -> None:
    (fault,) = faults_of("```json\n{]\n```\n")
    assert fault.startswith("2: not well formed: Expecting property name")
    (fault,) = faults_of("```yaml\na: 1\na: 2\n```\n")
    assert 'found duplicate key "a"' in fault


def test_an_indented_block_loses_its_indentation(faults_of: Check) -> None:
    assert faults_of("- point\n\n  ```python\n  if True:\n      x = 1\n  ```\n") == []


def test_a_console_block_takes_only_trellis_and_known_make_targets(faults_of: Check) -> None:
    assert faults_of("```console\n$ make run\n$ make sandwich\n$ rm -r x\n```\n") == [
        "3: the Makefile has no target for `make sandwich`",
    ]
    assert faults_of("```console\n$ rm -r x\n```\n") == ["2: only trellis and make are taken, not `rm -r x`"]
    assert faults_of("```console\ntrellis version\n```\n") == [
        "2: a console block opens with a command, `$ trellis ...`",
    ]


def test_commands_keep_their_place_their_output_and_their_continuation() -> None:
    assert list(commands("$ trellis a \\\n    --b\nout\n\nmore\n$ trellis c\n")) == [
        (0, "trellis a     --b", "out\n\nmore\n"),
        (5, "trellis c", ""),
    ]


@pytest.mark.slow
def test_a_console_block_compares_output_and_exit_code(faults_of: Check) -> None:
    assert faults_of("```console\n$ trellis version\n…\n```\n") == []
    (fault,) = faults_of("```console\n$ trellis version\ntrellis\n```\n")
    assert fault.startswith("2: the page shows\ntrellis\nbut `trellis version` prints\ntrellis 0")
    assert faults_of("```console\n$ trellis validate none.yaml\n…\n[exit 3]\n```\n") == []
    (fault,) = faults_of("```console\n$ trellis validate none.yaml\n…\n```\n")
    assert fault.startswith("2: `trellis validate none.yaml` ends with 3:\n")


@pytest.mark.slow
def test_a_graph_is_validated_and_can_be_run_by_the_next_block(faults_of: Check) -> None:
    assert faults_of(HELLO + "\n```console\n$ trellis run hello.yaml\n…Hello…\n```\n") == []
    broken = HELLO.replace("to: $end", "to: nowhere")
    (fault,) = faults_of(broken)
    assert fault.startswith("2: `trellis validate` says:\nhello.yaml:6:")
    assert faults_of(broken.replace("```yaml\n", "```yaml refused\n", 1)) == []
