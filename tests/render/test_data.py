"""What programs and notebooks get: data by the schema, a page that lets nothing in, SVG from a loaded graph."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator

import trellis
from tests.render.test_goldens import CHARTS, ROOT, hostile
from trellis.render.data import picture
from trellis.render.html import page
from trellis.render.svg import svg

SCHEMA = json.loads((ROOT / "trellis/render/schemas/picture.schema.json").read_text("utf-8"))


@pytest.mark.parametrize("name", CHARTS)
def test_data_is_as_its_schema_says(name: str) -> None:
    Draft202012Validator(SCHEMA).validate(picture(CHARTS[name]()))


def test_a_loaded_graph_shows_itself_in_a_notebook() -> None:
    graph = trellis.load(ROOT / "graphs" / "hello.yaml")
    shown = graph._repr_svg_()  # type: ignore[attr-defined]
    assert shown.startswith("<svg ") and ">greet<" in shown


def test_a_page_runs_its_own_script_and_styles_and_nothing_else() -> None:
    text = page(hostile())
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None and policy[1].startswith("default-src 'none'; style-src 'sha256-")
    inline = re.findall(r"<(script|style)>(.*?)</\1>", text, re.DOTALL)
    assert [kind for kind, _ in inline] == ["style", "style", "script"]
    for _, body in inline:
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[1]
    assert re.findall(r"<script[^>]*>", text) == ['<script type="application/json" id="data">', "<script>"]
    assert not re.search(r"\s(style|on\w+|src|href)\s*=", re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL))


@pytest.mark.parametrize("name", CHARTS)
def test_an_svg_is_xml_without_a_script_or_an_address(name: str) -> None:
    text = svg(CHARTS[name]())
    tags = {element.tag.rpartition("}")[2] for element in ET.fromstring(text).iter()}
    allowed = {"svg", "title", "desc", "style", "defs", "marker", "g", "rect", "circle", "path", "text", "tspan"}
    assert tags <= allowed
    assert re.findall(r"https?://[^\s\"']+", text) == ["http://www.w3.org/2000/svg"]


def test_the_schema_ships_beside_the_module() -> None:
    assert (Path(trellis.__file__).parent / "render/schemas/picture.schema.json").is_file()


def test_the_picture_of_the_documentation_is_the_one_that_is_held() -> None:
    shown = (ROOT / "docs/pictures/everything.svg").read_bytes()
    assert shown == (ROOT / "tests/render/golden/everything.svg").read_bytes()
