"""The schemas that are printed are sound, say of every key what it means, and refuse nothing that the checker takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.loaders.test_shape import SAMPLES
from trellis.cli import main
from trellis.cli.schema import READ, WRITTEN
from trellis.editor.buffers import Buffers
from trellis.editor.enriched import enriched
from trellis.editor.kept import MODELINE, modeline, refresh_schema, schema_file, write_schema
from trellis.editor.names import Project
from trellis.editor.schemas import schema_of
from trellis.loaders import read
from trellis.loaders.judge import judge
from trellis.project.loaders import MemoryLoader

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("graphs/**/*.yaml"), *ROOT.glob("schemas/*.yaml"), *ROOT.glob("examples/*.yaml")])
KIND = {"graph": "graph", "state schema": "state-schema", "tool catalogue": "tools"}


@pytest.fixture(scope="module")
def project() -> dict[str, dict[str, Any]]:
    """Every schema, with the names of this project."""
    texts = {path.relative_to(ROOT).as_posix(): path.read_bytes() for path in DOCUMENTS}
    return {name: enriched(Project(MemoryLoader(texts)), str(ROOT), name) for name in WRITTEN}


def value(path: Path) -> Any:
    return judge(path.name, path.read_text("utf-8")).value


@pytest.mark.parametrize("name", WRITTEN)
def test_a_schema_is_one_with_and_without_the_names_of_a_project(name: str, project: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(project[name] if name in ("graph", "tools") else schema_of(name))
    assert schema_of(name)["$id"] == f"urn:trellis:{name}:1"
    assert project[name]["$id"] == f"urn:trellis:{name}:1:project"


@pytest.mark.parametrize("name", READ)
def test_what_is_read_has_a_schema_with_a_name_that_needs_no_network(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["schema", name]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:trellis:{name}:1"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_sample_fits_the_schema_of_its_kind(path: Path, project: dict[str, Any]) -> None:
    data = value(path)
    if path.parent.name == "answers":
        return
    kind = "node" if "trellis" not in data else "head" if "nodes" not in data and path.name == "graph.yaml" else ""
    name = kind or KIND[read(path.name, path.read_bytes()).kind]
    for schema in (schema_of(name), project[name], *((schema_of("graph"), project["graph"]) if not kind else ())):
        assert list(Draft202012Validator(schema).iter_errors(data)) == []
    for node in data.get("nodes", {}).values():
        assert list(Draft202012Validator(schema_of("node")).iter_errors(node)) == []


def test_what_a_schema_refuses_the_checker_refuses(project: dict[str, Any]) -> None:
    files = MemoryLoader({"g.yaml": GRAPH})
    with_names = Draft202012Validator(enriched(Project(files), ""))
    shipped, any_document = Draft202012Validator(schema_of("graph")), Draft202012Validator(project["graph"])
    refused = 0
    for text, _ in SAMPLES:
        document = text if not text.startswith(" ") else f"trellis: 1\nstart: a\nnodes:\n{text}"
        data = judge("f", document).value
        try:
            json.dumps(data)
        except TypeError:
            continue  # what is no YAML, or no JSON, is for no schema
        verdict = shipped.is_valid(data)
        assert with_names.is_valid(data) == verdict, document
        assert any_document.is_valid(data) or not verdict, document
        if not verdict:
            refused += 1
            assert read("f", document.encode()).problems, document
    assert refused > 100


def keys(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict):
        if "/if" not in path:
            for word in ("properties", "patternProperties"):
                yield from ((f"{path}/{key}", said) for key, said in part.get(word, {}).items() if key != "^x-")
        for key, below in part.items():
            yield from keys(below, f"{path}/{key}")
    elif isinstance(part, list):
        for place, below in enumerate(part):
            yield from keys(below, f"{path}/{place}")


def test_every_key_says_what_it_means() -> None:
    schema = schema_of("graph")

    def said(part: dict[str, Any]) -> str:
        while "description" not in part and "$ref" in part:
            part = schema["$defs"][part["$ref"].removeprefix("#/$defs/")]
        return str(part.get("description", ""))

    silent = [path for path, part in keys(schema) if not said(part) and not path.startswith("/properties/migrate")]
    assert silent == []


ACTIONS = '''"""Actions."""
from typing import Literal

raise SystemExit("this module is never imported by an editor")

async def create(env: Literal["staging", "prod"], size: int = 3, *, request, tags: list[str] | None = None) -> dict:
    """Make a server.

    More of it.
    """

def _hidden(x): ...
'''
GRAPH = """trellis: 1
start: build
fields: {env: {type: string}}
signals: {fault: {}}
tools:
  ops.create: {python: "actions:create"}
  ops.check: {process: [./check.sh, "{{ args.kind }}"]}
nodes:
  build: {do: ops.create, with: {env: "{{ env }}"}, upon: {fault: $end}, to: $end}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "trellis.toml").write_text("", "utf-8")
    (tmp_path / "actions.py").write_text(ACTIONS, "utf-8")
    (tmp_path / "g.yaml").write_text(GRAPH, "utf-8")
    return tmp_path


def offered(part: dict[str, Any]) -> list[str]:
    return [name for one in part["anyOf"] for name in one.get("enum", ())]


def test_a_project_brings_its_names_and_what_its_tools_take_and_none_of_its_code_runs(folder: Path) -> None:
    buffers = Buffers(folder)
    schema = enriched(Project(buffers), str(folder))
    parts = schema["$defs"]
    assert offered(parts["target"]) == ["$end", "$fail", "$rollback", "build"]
    assert offered(parts["field-name"]) == ["env"]
    assert offered(parts["tool-name"]) == ["ops.check", "ops.create"]
    assert sorted(parts["upon"]["properties"]) == ["fault", "interrupt", "states"]
    assert parts["tool"]["properties"]["python"]["examples"] == ["actions:create"]
    said = (
        "create(env: Literal['staging', 'prod'], size: int = 3, tags: list[str] | None = None) -> dict - Make a server."
    )
    assert parts["arguments"]["allOf"] == [
        {
            "if": {"required": ["do"], "properties": {"do": {"const": "ops.check"}}},
            "then": {
                "properties": {
                    "with": {
                        "description": "A command line.",
                        "properties": {"kind": {"description": "Given to the command."}},
                    }
                }
            },
        },
        {
            "if": {"required": ["do"], "properties": {"do": {"const": "ops.create"}}},
            "then": {
                "properties": {
                    "with": {
                        "description": said,
                        "properties": {
                            "env": {
                                "description": "env: Literal['staging', 'prod']; needed",
                                "anyOf": [{"enum": ["staging", "prod"]}, {}],
                            },
                            "size": {"description": "size: int = 3", "anyOf": [{"type": "integer"}, {}]},
                            "tags": {
                                "description": "tags: list[str] | None = None",
                                "anyOf": [
                                    {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
                                    {},
                                ],
                            },
                        },
                    }
                }
            },
        },
    ]


def test_the_schema_of_a_project_is_written_in_one_step_and_only_when_it_is_another_one(folder: Path) -> None:
    assert not refresh_schema(folder)
    assert not schema_file(folder).exists()
    assert write_schema(folder)
    assert not write_schema(folder)
    assert not refresh_schema(folder)
    (folder / "g.yaml").write_text(GRAPH.replace("build", "make"), "utf-8")
    assert refresh_schema(folder)
    assert offered(json.loads(schema_file(folder).read_text("utf-8"))["$defs"]["target"])[-1] == "make"
    assert sorted(path.name for path in schema_file(folder).parent.iterdir()) == [".gitignore", "schema.json"]


def test_the_modeline_leads_from_a_document_to_the_schema(folder: Path) -> None:
    assert modeline(folder, folder / "g.yaml") == MODELINE.format(".trellis/schema.json")
    assert modeline(folder, folder / "flows/g.yaml") == MODELINE.format("../.trellis/schema.json")


def test_the_command_prints_a_schema_or_writes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = folder / "out" / "schema.json"
    assert main(["schema", "graph", "--project", str(folder), "--output", str(out)]) == 0
    assert "build" in offered(json.loads(out.read_text("utf-8"))["$defs"]["target"])
    assert main(["schema", "graph", "--project", str(folder), "-o", str(out)]) == 0
    assert capsys.readouterr().err == f"wrote {out}\n{out} is as it should be\n"
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == schema_of("graph")


def test_the_command_says_what_it_cannot_do(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "events", "--project", str(folder)]) == 2
    assert main(["schema", "graph", "--project", str(folder / "none")]) == 2
    assert capsys.readouterr().err == (
        "error: --project adds names to what is written: graph, head, state-schema, tools, node; 'events' is what is read\n"
        f"error: {folder / 'none'} is no folder\n"
    )
