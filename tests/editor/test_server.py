"""The language server as a process, over the protocol: a story of an hour's work, and an editor that vanishes."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest

from tests.editor.editor import Editor, uri
from trellis.cli import main

pytest.importorskip("pygls")

GRAPH = """trellis: 1
start: a
fields: {user: {type: string, default: you}}
tools: {t: {process: ["true"]}}
nodes:
  a: {say: "🎉 {{ usr }}", to: b}
  b: {do: t, to: $end}
"""
HALF = GRAPH.replace("usr", "user").replace(
    "  b: {do: t, to: $end}\n", '  b: {do: t, to: $end}\n  c: {say: "🎉🎉 {{ us\n'
)


def test_an_hour_of_work_over_the_protocol(tmp_path: Path) -> None:
    folder = tmp_path / "my flows 100% é"
    folder.mkdir()
    (folder / "trellis.toml").write_text("", "utf-8")
    path = folder / "a b.yaml"
    path.write_text(GRAPH, "utf-8")
    editor = Editor(folder)

    # Before anything is open the project is looked at.
    (problem,) = editor.problems(path)
    assert (problem["code"], problem["message"]) == ("E211", "no field named 'usr' (did you mean 'user'?)")
    assert problem["range"] == {"start": {"line": 5, "character": 18}, "end": {"line": 5, "character": 21}}
    assert re.fullmatch(r"file://.*/trellis/pages/E211\.md", problem["codeDescription"]["href"])

    editor.open(path, GRAPH)
    (action,) = editor.call(
        "textDocument/codeAction", textDocument={"uri": uri(path)}, range=problem["range"], context={"diagnostics": []}
    )
    assert action["title"] == "Write 'user' instead of 'usr'"
    assert action["edit"]["changes"][uri(path)] == [{"range": problem["range"], "newText": "user"}]
    editor.change(path, GRAPH.replace("usr", "user"))
    assert editor.problems(path) == []

    # A line that is half written.
    editor.change(path, HALF, 3)
    listed = editor.call("textDocument/completion", **editor.at(path, 7, 22))
    assert [item["label"] for item in listed["items"]][:1] == ["user"]
    assert listed["items"][0]["textEdit"] == {
        "range": {"start": {"line": 7, "character": 20}, "end": {"line": 7, "character": 22}}, "newText": "user",
    }  # fmt: skip
    assert {problem["code"] for problem in editor.problems(path)} == {"E101"}

    said = editor.call("textDocument/hover", **editor.at(path, 5, 19))
    assert said["contents"]["value"].startswith("**field** `user`: string")
    assert said["range"]["start"] == {"line": 5, "character": 18}
    (home,) = editor.call("textDocument/definition", **editor.at(path, 6, 10))
    assert home == {
        "uri": uri(path),
        "range": {"start": {"line": 3, "character": 8}, "end": {"line": 3, "character": 9}},
    }
    named = editor.call("textDocument/references", **editor.at(path, 3, 8), context={"includeDeclaration": False})
    assert [place["range"]["start"]["line"] for place in named] == [6]
    outline = editor.call("textDocument/documentSymbol", textDocument={"uri": uri(path)})
    assert [(part["name"], [below["name"] for below in part["children"]]) for part in outline] == [
        ("fields", ["user"]), ("tools", ["t"]), ("nodes", ["a", "b", "c"]),
    ]  # fmt: skip

    editor.change(path, GRAPH.replace("usr", "user").replace("to: $end}", "to:   $end}"), 4)
    edit = editor.call(
        "textDocument/formatting", textDocument={"uri": uri(path)}, options={"tabSize": 2, "insertSpaces": True}
    )
    assert [part["newText"] for part in edit] == ["  b: {do: t, to: $end}\n"]
    may = editor.call("textDocument/prepareRename", **editor.at(path, 3, 8))
    assert may == {
        "range": {"start": {"line": 3, "character": 8}, "end": {"line": 3, "character": 9}},
        "placeholder": "t",
    }
    changes = editor.call("textDocument/rename", **editor.at(path, 3, 8), newName="make")["changes"]
    assert [(part["range"]["start"]["line"], part["newText"]) for part in changes[uri(path)]] == [
        (3, "make"),
        (6, "make"),
    ]
    refused = editor.ask("textDocument/rename", **editor.at(path, 3, 8), newName="no name")["error"]
    assert "no name" in refused["message"]
    assert editor.call("textDocument/rename", **editor.at(path, 0, 0), newName="x") is None

    # What makes no sense is refused, and the next request is answered.
    editor.send({"id": "odd", "method": "textDocument/hover", "params": {"textDocument": 7}})
    editor.send({"id": "odder", "method": 7})
    assert "error" in editor.ask("textDocument/none")
    assert editor.call("textDocument/hover", **editor.at(path, 9_999, 9_999)) is None
    assert editor.call("textDocument/completion", **editor.at(tmp_path / "gone" / "x.yaml", 0, 0))["items"] == []
    assert (
        editor.call("textDocument/hover", textDocument={"uri": "untitled:One"}, position={"line": 0, "character": 0})
        is None
    )

    # A file of another project.
    other = tmp_path / "other.yaml"
    editor.open(other, "trellis: 1\nnodes: {a: {to: b}}\n")
    assert [problem["code"] for problem in editor.problems(other)] == ["E204"]
    assert editor.leave() == 0


def test_a_server_whose_editor_vanishes_ends(tmp_path: Path) -> None:
    editor = Editor(tmp_path)
    editor.open(tmp_path / "g.yaml", GRAPH)
    assert editor.end() == 0


def test_without_its_library_the_command_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    real = builtins.__import__

    def absent(name: str, *rest: object, **more: object) -> object:
        if name.partition(".")[0] in ("pygls", "lsprotocol"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
        return real(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.delitem(sys.modules, "trellis.editor.server", raising=False)
    monkeypatch.setattr(builtins, "__import__", absent)
    assert main(["lsp"]) == 2
    assert capsys.readouterr().err == "error: the language server needs pygls: pip install 'trellis-engine[lsp]'\n"
