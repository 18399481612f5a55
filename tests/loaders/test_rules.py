"""The JSON Schema is sound, and the walk over it says yes where jsonschema does."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from tests.loaders.documents import PROVISION, values
from tests.searching import searched
from trellis.loaders import read
from trellis.loaders.rules import document_rule
from trellis.loaders.shape import check_shape
from trellis.model.documents import Document
from trellis.model.durations import parse_duration
from trellis.model.problems import Place
from trellis.model.sizes import parse_size

FILE = Path(__file__).parents[2] / "trellis/loaders/schemas/graph.schema.json"
SCHEMA: dict[str, Any] = json.loads(FILE.read_text("utf-8"))

formats = FormatChecker()


@formats.checks("trellis-duration", raises=ValueError)
def is_duration(value: object) -> bool:
    return not isinstance(value, str) or parse_duration(value) >= 0


@formats.checks("trellis-size", raises=ValueError)
def is_size(value: object) -> bool:
    return not isinstance(value, str) or parse_size(value) > 0


JUDGE = Draft202012Validator(SCHEMA, format_checker=formats)


def provision() -> Any:
    document = read("f", PROVISION.encode()).document
    assert document is not None
    return document.data


def steps(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The paths of every part."""
    if path:
        yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from steps(part, (*path, key))


PATHS = list(steps(provision()))
SUBSTITUTES = st.sampled_from(
    (
        None, True, 0, 1, 1.0, -1, 2.0, 2.5, "", "a", "a b", "x-a", "9", "5s", "PT5S", "P", "5", "soon", "all", "ok", "string",
        "a:b", "a.b:c", [], ["a"], [1], {}, {"a": 1}, {"x-a": 1}, {"to": "a"}, {"n": 1}, {"say": "a"}, {"do": "a", "to": "b"},
        {"nodes": {"a": {"say": "x"}}}, {"nodes": {"a": {"say": "x"}, "b": {"say": "x"}}}, {"type": "string"}, {"text": "a"},
        {"states": ["A"]}, {"states": {"A": "b"}}, {"add": ["A"]}, {"auto": True, "require": ["A"]}, {"entered": {"do": "a"}},
    )
)  # fmt: skip
NAMES = st.sampled_from(
    ("a", "x-a", "a-b", "9", "", "to", "say", "do", "ask", "all", "each", "end", "set", "nodes", "start", "in", "type", "text",
     "int", "python", "process", "fields", "tools", "if", "undo", "retry", "buffer", "race", "A.b", "wait", "states", "require", "schema")
)  # fmt: skip


@st.composite
def documents(draw: st.DrawFn) -> Any:
    """The whole format with a few parts replaced, removed or added."""
    data = copy.deepcopy(provision())
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(PATHS))
        inside = data
        for step in path[:-1]:
            inside = inside.get(step, {}) if isinstance(inside, dict) and isinstance(step, str) else inside
            inside = (
                inside[step] if isinstance(inside, list) and isinstance(step, int) and step < len(inside) else inside
            )
        last = path[-1]
        if isinstance(inside, dict) and isinstance(last, str):
            change = draw(st.sampled_from(("remove", "replace", "add", "add")))
            if change == "remove":
                inside.pop(last, None)
            else:
                inside[last if change == "replace" else draw(NAMES)] = copy.deepcopy(draw(SUBSTITUTES | values))
        elif isinstance(inside, list) and isinstance(last, int) and last < len(inside):
            inside[last] = copy.deepcopy(draw(SUBSTITUTES | values))
    return data


def problems(data: Any) -> list[str]:
    document = Document("f", copy.deepcopy(data), lambda _steps, _key: Place())
    return [str(each) for each in check_shape(document, broken=False).problems]


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_whole_format_is_right_to_both() -> None:
    assert (problems(provision()), list(JUDGE.iter_errors(provision()))) == ([], [])


@searched(few=100, many=10_000, data=documents())
def test_the_walk_says_yes_where_jsonschema_does(data: Any) -> None:
    assert (problems(data) == []) == JUDGE.is_valid(data)


@settings(max_examples=100, deadline=None)
@given(documents())
def test_what_is_left_has_no_fault_but_what_is_missing(data: Any) -> None:
    document = Document("f", data, lambda _steps, _key: Place())
    check_shape(document, broken=False)
    if isinstance(document.data, dict):
        left = {each.split(": ")[1][:4] for each in problems(document.data)}
        assert left <= {"E203", "E206", "E221"}


@pytest.mark.parametrize(
    ("text", "right"),
    [(text, True) for text in ("0s", "500ms", "1.5s", "1h30m", "1d2h3m4s5ms", "PT1H30M", "P1DT2H", "P2W", "PT0.5S")]
    + [
        (text, False)
        for text in ("", "5", "s", "5x", "30m1h", "1s1s", "5 s", " 5s", "P", "PT", "P1Y", "1h30", "-5s", "5S")
    ],
)
def test_the_pattern_for_editors_takes_what_the_parser_of_durations_takes(text: str, right: bool) -> None:
    pattern = {"type": "string", "pattern": SCHEMA["$defs"]["duration"]["pattern"]}
    assert Draft202012Validator(pattern).is_valid(text) is right
    assert formats.conforms(text, "trellis-duration") is right


@pytest.mark.parametrize(
    ("text", "right"),
    [(text, True) for text in ("1B", "64KiB", "1.5MB", "7kB", "7KB", "2GiB", "2GB")]
    + [(text, False) for text in ("", "7", "MB", "7 MB", "7mb", "1.MB", ".5MB", "-1MB", "7TB", "5s")],
)
def test_the_pattern_for_editors_takes_what_the_parser_of_sizes_takes(text: str, right: bool) -> None:
    pattern = {"type": "string", "pattern": SCHEMA["$defs"]["size"]["pattern"]}
    assert Draft202012Validator(pattern).is_valid(text) is right
    assert formats.conforms(text, "trellis-size") is right


def subschemas(schema: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        yield path, schema
        for key, part in schema.items():
            if key not in ("examples", "default", "x-hints", "required", "enum"):
                yield from subschemas(part, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from subschemas(part, f"{path}/{index}")


@pytest.mark.parametrize(("path", "schema"), [pair for pair in subschemas(SCHEMA) if "examples" in pair[1]])
def test_every_example_in_the_schema_fits_it(path: str, schema: dict[str, Any]) -> None:
    own = {**schema, "$defs": SCHEMA["$defs"]} if path != "#" else schema
    wrong = [example for example in schema["examples"] if not Draft202012Validator(own).is_valid(example)]
    assert wrong == []


def test_editors_find_a_description_for_every_key() -> None:
    silent = []
    for path, schema in subschemas(SCHEMA):
        for key, part in schema.get("properties", {}).items() if isinstance(schema.get("properties"), dict) else ():
            target = SCHEMA["$defs"].get(part.get("$ref", "").removeprefix("#/$defs/"), {})
            if "description" not in part and "description" not in target and "minProperties" not in part:
                silent.append(f"{path}/{key}")
    assert silent == []


def test_the_rules_are_prepared_once() -> None:
    assert document_rule() is document_rule()
