"""A folder of files is the same document as one file, with every place in the file where it is written."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trellis.compiler import compile_document
from trellis.loaders import Reading, folders, read, rules
from trellis.loaders.folders import gather, read_parts
from trellis.loaders.text import decode
from trellis.model.documents import Document
from trellis.model.folders import around, inside, node_in, parts_of

HEAD = "trellis: 1\nname: tour\nstart: hello\nfields: {user: {type: string, default: you}}\n"
HELLO = "---\nto: bye\n---\n\nHello {{ user }}.\n\nStay a while.\n\n"
BYE = "say: Bye\nto: $end\n"


def read_part(path: str, data: bytes) -> Reading | None:
    (part,) = read_parts([(path, data)])
    return part


def gathered(files: Mapping[str, str | bytes], path: str = "tour/", name: str = "tour") -> Reading:
    octets = {file: text.encode() if isinstance(text, str) else text for file, text in files.items()}
    names = parts_of(octets)
    parts = read_parts((path + file, octets[file]) for file in names)
    return gather(path, name, dict(zip(names, parts, strict=True)))


def told(files: Mapping[str, str | bytes]) -> list[str]:
    """All problems of a folder, of its files and of the graph."""
    reading = gathered(files)
    problems = set(reading.problems)
    if reading.document is not None:
        problems |= set(compile_document(reading.document, pruned=reading.pruned).problems)
    return [str(problem) for problem in sorted(problems)]


def data_of(files: Mapping[str, str | bytes]) -> object:
    reading = gathered(files)
    assert reading.document is not None
    assert reading.problems == ()
    return reading.document.data


def test_a_folder_is_the_document_that_one_file_would_be() -> None:
    one = read(
        "tour.yaml",
        b"trellis: 1\nname: tour\nstart: hello\nfields: {user: {type: string, default: you}}\n"
        b'nodes:\n  bye: {say: Bye, to: $end}\n  hello: {to: bye, say: "Hello {{ user }}.\\n\\nStay a while."}\n',
    )
    folder = gathered({"graph.yaml": HEAD, "hello.md": HELLO, "bye.yaml": BYE})
    assert one.document is not None
    assert folder.document is not None
    assert (folder.document.data, folder.problems, folder.kind) == (one.document.data, (), one.kind)
    first = compile_document(one.document).definition
    second = compile_document(folder.document).definition
    assert first == second


def test_without_a_head_a_folder_is_named_as_it_is_and_starts_at_start() -> None:
    assert data_of({"start.yml": "to: bye\n", "bye.yaml": BYE}) == {
        "trellis": 1, "name": "tour", "start": "start", "nodes": {"bye": {"say": "Bye", "to": "$end"}, "start": {"to": "bye"}},
    }  # fmt: skip


def test_a_head_that_has_nodes_is_a_whole_graph_whatever_is_beside_it() -> None:
    files = {
        "graph.yml": "trellis: 1\nnodes: {start: {to: $end}}\n",
        "bye.yaml": BYE,
        "answers.yaml": "- Ana\n",
        "mkdocs.yml": "site_name: tour\n",
        "broken.yaml": "{",
    }
    assert data_of(files) == {
        "trellis": 1, "name": "tour", "start": "start", "nodes": {"start": {"to": "$end"}},
    }  # fmt: skip


def test_the_one_node_of_a_folder_is_its_start() -> None:
    assert data_of({"bye.yaml": BYE}) == {
        "trellis": 1, "name": "tour", "start": "bye", "nodes": {"bye": {"say": "Bye", "to": "$end"}},
    }  # fmt: skip


def test_other_documents_prose_tests_hidden_files_and_the_authors_own_are_no_nodes() -> None:
    files = {
        "start.yaml": BYE,
        "states.yaml": "trellis: 1\nstates: {A: {}}\n",
        "broken.yaml": "trellis: 1\nstates: {A: {\n",
        "other.yml": "# a graph\n'trellis': 1\nnodes: {a: {to: $end}}\n",
        "README.md": "# Tour\n\n---\nto: nowhere\n---\n",
        "tour.test.yaml": "trellis: 1\n",
        ".hidden.yaml": "x",
        "x-notes.yaml": "anything: at all\n",
        "tools.py": "x",
        "data.json": "{}",
        "SHOUTED.YAML": "x",
    }
    assert data_of(files) == {
        "trellis": 1, "name": "tour", "start": "start", "nodes": {"start": {"say": "Bye", "to": "$end"}},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("---\nto: $end\n---\nHello\n", "Hello"),
        ("---\nto: $end\n---\n\n \n    code\ntext  \n\n\n", "    code\ntext"),
        ("\ufeff---\r\nto: $end\r\n---\r\nOne\r\nTwo\r\n", "One\nTwo"),
        ("---  \nto: $end\n---\t\nRule:\n\n---\n\nand more", "Rule:\n\n---\n\nand more"),
        ("---\nto: |-\n  $end\n---\nx\n---", "x\n---"),
        ("---\nto: $end\n---\n{{{{ is a brace, %TAG: *x\n", "{{{{ is a brace, %TAG: *x"),
    ],
)
def test_what_is_below_the_front_matter_is_said_without_the_blank_lines_around_it(text: str, said: str) -> None:
    reading = read_part("a.md", text.encode())
    assert reading is not None
    assert reading.document is not None
    assert (reading.document.data, reading.problems) == ({"to": "$end", "say": said}, ())


def test_a_node_without_front_matter_keys_only_says_and_one_without_text_need_not() -> None:
    only = read_part("a.md", b"---\n---\nHello\n")
    silent = read_part("a.md", b"---\nto: $end\n---\n\n")
    assert only is not None
    assert silent is not None
    assert [reading.document and reading.document.data for reading in (only, silent)] == [
        {"say": "Hello"},
        {"to": "$end"},
    ]


def test_every_problem_is_at_its_own_line_of_its_own_file() -> None:
    assert told(
        {
            "graph.yaml": HEAD + "upon: {lost: hello}\nlimits: {stepz: 3}\n",
            "hello.md": "---\n# leads on\ntimeout: soon\nto: bye_\n---\n\nHello {{ usr }}.\n",
            "bye.yaml": "say: Bye\nto:\n  - {iff: x, to: $end}\n  - {to: $ende}\n",
            "odd.md": "---\n---\n",
        }
    ) == [
        "tour/bye.yaml:3:6: E201 unknown key 'iff' of an edge (did you mean 'if'?)",
        "tour/bye.yaml:4:10: E204 no node named '$ende' (did you mean '$end'?)",
        "tour/graph.yaml:5:8: E212 no signal named 'lost' (declare it: signals: {lost: {}})",
        "tour/graph.yaml:6:10: E201 unknown key 'stepz' of `limits` (did you mean 'steps'?)",
        "tour/hello.md:3:10: E207 'timeout': 'soon' is no duration: write 500ms, 2s, 1h30m or PT1H30M",
        "tour/hello.md:4:5: E204 no node named 'bye_' (did you mean 'bye'?)",
        "tour/hello.md:7:1: E211 no field named 'usr' (did you mean 'user'?)",
        "tour/odd.md:2:1: E206 this node does nothing (give it `say`, `ask`, `do`, `all`, `race`, `each`, `use`, `wait`, `emit`, `end`, `set` or `to`)",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        ({}, ["tour:1:1: E203 this folder holds no node (write one, such as start.md or start.yaml)"]),
        (
            {"README.md": "# Tour"},
            ["tour:1:1: E203 this folder holds no node (write one, such as start.md or start.yaml)"],
        ),
        (
            {"graph.yaml": "trellis: 1\nname: x\n"},
            ["tour/graph.yaml:1:1: E203 this folder holds no node (write one, such as start.md or start.yaml)"],
        ),
        (
            {"a.yaml": "to: b\n", "b.yaml": "to: $end\n"},
            [
                (
                    "tour:1:1: E203 nothing says where this folder starts: no node is named 'start' "
                    "(name the node that comes first start, or say `start: NAME` in graph.yaml)"
                )
            ],
        ),
        (
            {"graph.yaml": "trellis: 1\n", "a.yaml": "to: b\n", "b.yaml": "to: $end\n"},
            [
                (
                    "tour/graph.yaml:1:1: E203 nothing says where this folder starts: no node is named 'start' "
                    "(name the node that comes first start, or say `start: NAME` in graph.yaml)"
                )
            ],
        ),
        (
            {"graph.yaml": "trellis: 1\n", "graph.yml": "trellis: 1\n", "start.yaml": BYE},
            ["tour/graph.yml:1:1: E225 this folder has another head, 'graph.yaml' (keep one of the two)"],
        ),
        (
            {"start.md": "---\nto: $end\n---\nHi\n", "start.yml": BYE},
            ["tour/start.yml:1:1: E225 node 'start' is in 'start.md' too (keep one of the two)"],
        ),
        (
            {"Start.yaml": "to: $end\n", "start.yaml": "to: Start\n"},
            [
                (
                    "tour/start.yaml:1:1: E225 'start.yaml' and 'Start.yaml' are one file where names of files ignore case "
                    "(rename one of the two)"
                )
            ],
        ),
        (
            {"start.md": "---\nto: $end\n"},
            [
                "tour/start.md:1:1: E119 the front matter that begins here never ends (close it with a line --- before the text)"
            ],
        ),
        (
            {"start.md": "---\nsay: one\nto: $end\n---\ntwo\n"},
            [
                (
                    "tour/start.md:2:1: E206 the text below the front matter is what this node says, and here is another "
                    "(keep one of the two)"
                )
            ],
        ),
        (
            {"start.yaml": "# nothing yet\n"},
            ["tour/start.yaml:1:1: E108 the file holds no node (write what the node does, or remove the file)"],
        ),
        (
            {"start.md": " \n\n", "x-empty.md": ""},
            ["tour/start.md:1:1: E108 the file holds no node (write what the node does, or remove the file)"],
        ),
        (
            {"graph.yaml": "trellis: 1\nstart: [a]\n", "a.yaml": "to: b\n", "b.yaml": "to: $end\n"},
            ["tour/graph.yaml:2:8: E202 'start': expected string, found list of 1"],
        ),
        (
            {"graph.yaml": "trellis: 1\nnodes: 5\n"},
            ["tour/graph.yaml:2:8: E202 'nodes': expected map, found integer 5"],
        ),
        (
            {"start.yaml": "use: ../b\ndo: a\nto: $end\n"},
            [
                "tour/start.yaml:2:1: E206 a node does one thing, found 'use' and 'do'",
            ],
        ),
        ({"start.yaml": "[say, to]\n"}, ["tour/start.yaml:1:1: E202 the node: expected map, found list of 2"]),
        (
            {"start.yaml": "trellis: 1\nsay: Hi\nto: $end\n"},
            [
                (
                    "tour/start.yaml:1:1: E201 unknown key 'trellis' of a node "
                    "(only documents head with it, and a node in a file of its own is none)"
                )
            ],
        ),
        (
            {"start.md": "---\nto: [a\n---\nHi\n"},
            [
                "tour/start.md:3:1: E101 the file ends inside an open bracket; the list around it begins in line 2 (close it)"
            ],
        ),
        (
            {"start.yaml": "to: my-node\n", "my-node.yaml": BYE},
            [
                (
                    "tour/my-node.yaml:1:1: E208 'my-node' is no name for a node (names of nodes, and so of their files, "
                    "are made of letters, digits and _, and do not begin with a digit)"
                )
            ],
        ),
        (
            {"start.md": b"---\nto: $end\n---\n\xff\n"},
            ["tour/start.md:4:1: E111 byte 0xff is no UTF-8 (save the file as UTF-8)"],
        ),
    ],
)
def test_what_makes_no_graph_is_told_and_nothing_that_follows_from_it(
    files: Mapping[str, str | bytes], problems: list[str]
) -> None:
    assert told(files) == problems


def test_a_head_that_cannot_be_read_hides_no_fault_of_a_node() -> None:
    reading = gathered({"graph.yaml": "trellis: [1\n", "a.yaml": "colour: red\nto: $end\n"})
    assert reading.document is None
    assert [problem.code for problem in reading.problems] == ["E201", "E101"]


def test_home_says_in_which_file_a_node_lives() -> None:
    document = gathered({"graph.yaml": HEAD, "bye.yaml": "to: $end\n", "hello.md": HELLO}).document
    assert document is not None

    def home(*steps: str | int) -> tuple[str, tuple[str | int, ...]]:
        found, below = document.home(steps)
        return found.path, below

    assert home("nodes", "hello", "to") == ("tour/hello.md", ("to",))
    assert home("nodes", "bye", "to") == ("tour/bye.yaml", ("to",))
    assert home("nodes") == ("tour/graph.yaml", ("nodes",))
    assert home("fields", "user") == ("tour/graph.yaml", ("fields", "user"))
    alone: Document = read("a.yaml", b"trellis: 1\nnodes: {a: {to: $end}}\n").document  # type: ignore[assignment]
    assert alone.home(("nodes", "a")) == (alone, ("nodes", "a"))


def test_gathering_leaves_what_was_read_as_it_is() -> None:
    files = {"graph.yaml": HEAD, "bye.yaml": "to: $end\n", "hello.md": HELLO}
    parts = {file: read_part("t/" + file, text.encode()) for file, text in files.items()}
    first, second = gather("t/", "t", parts), gather("t/", "t", parts)
    assert first.document is not None
    assert second.document is not None
    assert (first.document.data, first.problems) == (second.document.data, second.problems)
    head = parts["graph.yaml"]
    assert head is not None
    assert head.document is not None
    assert "nodes" not in head.document.data  # type: ignore[operator]


@given(st.text(alphabet="-\n \t:to$end{}'\"x\r\ufeff\0é"))
def test_no_markdown_breaks_the_reader_and_each_line_below_is_said_or_blank(text: str) -> None:
    reading = read_part("a.md", text.encode())
    if reading is None or reading.document is None or reading.problems:
        return
    said = reading.document.data.get("say", "")  # type: ignore[union-attr]
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert all(
        line.strip() in str(said) for line in lines[1:] if line.strip("- \t") and ":" not in line and line != "---"
    )


@pytest.mark.parametrize(
    ("file", "node"), [("a.yaml", "a"), ("a.b.md", "a.b"), ("graph.yaml", ""), ("graph.md", "graph")]
)
def test_a_file_is_called_as_its_node(file: str, node: str) -> None:
    assert node_in(file) == node


@pytest.mark.parametrize(
    ("name", "folder"), [("a.md", "./"), ("t/a.md", "t/"), ("t/u/", "t/"), ("t/", "./"), ("s/t/a.md", "s/t/")]
)
def test_a_file_and_a_folder_are_in_a_folder(name: str, folder: str) -> None:
    assert around(name) == folder
    assert name.startswith(inside(folder))


def test_the_rule_of_a_node_may_be_the_first_that_is_asked_for() -> None:
    for made in (rules.document_rule, rules.head_rule, rules.node_rule, rules._compiler):
        made.cache_clear()
    assert rules.node_rule() is rules.document_rule().properties["nodes"].members[0][1]


PARTS = (
    "say: Hi\nto: $end\n", "say: !tag x\nto: b", "to: b\nwith: {a: 0x1F}\ndo: t\n", "colour: red\n", "trellis: 1\nnodes: {}\n",
    "---\nto: b\n---\nolá\r\n", "---\nto: [b\n---\n", "---\nsay: |\n---\n", "to: b\nsay: |\n\n", "say: a\tb\nto: b\n", "\ufeffto: b\n", "\0",
    "prose", "", "---\nx", "---\nask: {confirm: ok}\nto: b\nend: ok\n---\nHi", "- a\n", "say: ?a\nto: b\n", "to: b\n...\nx: 1\n", "---\r\nto: b\r\n---\r\nHi\r\nyou\r\n",
)  # fmt: skip


@pytest.mark.parametrize("path", ["a.md", "b.yaml", "graph.yaml"])
@pytest.mark.parametrize("text", PARTS)
def test_files_that_are_read_together_read_as_they_do_alone(path: str, text: str) -> None:
    files = [(path, text.encode()), ("c.yaml", b"to: $end\n")]
    # Each for itself, and with the careful looks that reading together leaves out.
    alone = [_seen(folders._part(folders._Text(path, *decode(path, data)), sure=False)) for path, data in files]
    assert [_seen(part) for part in read_parts(files)] == alone


def _seen(part: Reading | None) -> object:
    return part and (part.document and part.document.data, part.problems, part.pruned, part.kind)
