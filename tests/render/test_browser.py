"""The page of a graph in a real browser, from a file: what a person does with it, and that nothing in it is refused or fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.browser import Browser, browser
from tests.render.test_goldens import CHARTS
from trellis.render.html import page

LOOK = """
  const at = (e) => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]; };
  const shown = (e) => getComputedStyle(e).display !== 'none';
  const all = (name) => [...document.querySelectorAll(`[data-${name}]`)];
  const view = document.querySelector('g.stage').transform.baseVal.consolidate().matrix;
  return {
    places: all('part').map((e) => e.getAttribute('transform')),
    hidden: all('part').filter((e) => !shown(e)).map((e) => e.dataset.part),
    closed: all('frame').filter((e) => e.matches('.closed')).map((e) => e.dataset.frame),
    hits: all('part').filter((e) => e.matches('.hit')).map((e) => e.dataset.part),
    chosen: all('part').filter((e) => e.matches('.chosen')).map((e) => e.dataset.part),
    count: document.getElementById('count').textContent,
    view: [view.e, view.f, view.a], high: +document.querySelector('.paper').getAttribute('height'),
  };
"""
AT = """
  const b = document.querySelector(arguments[0]).getBoundingClientRect();
  return [b.left, b.top, b.width, b.height];
"""
FAULTS = """
  const box = (e) => e.getBoundingClientRect(), shown = (e) => getComputedStyle(e).display !== 'none';
  const drawn = (kind) => [...document.querySelectorAll(`[data-${kind}]`)].filter(shown);
  const parts = [...drawn('part'), ...drawn('label')].map((e) => [e.dataset.part || e.dataset.label, box(e), e]), found = new Set();
  parts.forEach(([name, a], i) => parts.slice(i + 1).forEach(([other, b]) => {
    if (a.right > b.left + 1 && b.right > a.left + 1 && a.bottom > b.top + 1 && b.bottom > a.top + 1)
      found.add(`${name} lies on ${other}`);
  }));
  for (const line of drawn('arrow')) {
    const {a, d, e, f} = line.getScreenCTM(), length = line.getTotalLength();
    for (let at = 0; at < length; at += 8) {
      const p = line.getPointAtLength(at), x = p.x * a + e, y = p.y * d + f;
      for (const [name, b] of parts) if (name !== line.dataset.arrow && x > b.left + 4 && x < b.right - 4 && y > b.top + 4 && y < b.bottom - 4)
        found.add(`${line.dataset.arrow} runs through ${name}`);
    }
  }
  for (const [, , e] of parts) for (const text of e.querySelectorAll('text')) {
    const inner = box(text), outer = box(e.querySelector('rect'));
    if (inner.left < outer.left || inner.right > outer.right) found.add(`${text.textContent} is cut`);
  }
  return [...found];
"""


def middle(window: Browser, selector: str) -> tuple[float, float]:
    left, top, wide, high = window.run(AT, selector)
    return left + wide / 2, top + high / 2


def look(window: Browser) -> Any:
    return window.run(LOOK)


@pytest.mark.slow
def test_a_page_does_in_a_browser_what_its_documentation_says(tmp_path: Path) -> None:
    with browser() as window:
        for name in ("everything", "run", "hostile", "sixty", "states"):
            (tmp_path / f"{name}.html").write_text(page(CHARTS[name]()), "utf-8")
            window.open(tmp_path / f"{name}.html")
            assert (name, window.messages(), window.run(FAULTS)) == (name, [], [])
        closes_and_opens(window, tmp_path / "everything.html")
        searches(window)
        moves(window, tmp_path / "everything.html")
        assert window.messages() == []
        lets_nothing_in(window)


def closes_and_opens(window: Browser, path: Path) -> None:
    window.open(path)
    before = look(window)
    assert (before["hidden"], before["closed"]) == ([], [])
    heading = middle(window, '[data-frame="checks"] text')
    window.click(*heading)
    closed = look(window)
    assert closed["closed"] == ["checks"]
    assert closed["hidden"] == [
        *("checks", "checks.http", "checks.db.ping", "checks.db.query", "checks|join", "$fail of checks.db.query")
    ]
    assert closed["high"] < before["high"] - 200
    assert window.run(FAULTS) == []
    window.click(*middle(window, '[data-frame="checks"] text'))
    assert look(window) == before
    window.keys("[")
    assert look(window)["closed"] == ["checks", "fan", "pairs", "pairs[].both"] and window.run(FAULTS) == []
    window.keys("]")
    assert look(window)["closed"] == []
    window.run("document.querySelector('[data-frame=\"fan\"]').focus()")
    window.keys("Enter")
    assert look(window)["closed"] == ["fan"]


def searches(window: Browser) -> None:
    """Enter leads to what was found, out of a closed frame too."""
    window.keys("/", *"SHIP")
    found = look(window)
    assert (found["hits"], found["count"], found["closed"]) == (["fan[]"], "1 found", ["fan"])
    window.keys("Enter")
    found = look(window)
    assert (found["chosen"], found["count"], found["closed"]) == (["fan[]"], "1 of 1", [])
    assert middle(window, '[data-part="fan[]"]') == pytest.approx(middle(window, "svg.trellis"), abs=2)
    window.keys("Escape")
    assert (look(window)["hits"], look(window)["count"]) == ([], "")


def moves(window: Browser, path: Path) -> None:
    window.open(path)
    start = look(window)["view"]
    window.keys("ArrowLeft", "ArrowUp")
    x, y, scale = start
    assert look(window)["view"] == pytest.approx([x + 60, y + 60, scale])
    window.keys("+")
    assert look(window)["view"][2] == pytest.approx(scale * 1.25)
    window.keys("-", "0")
    left, top, wide, high = window.run(AT, ".paper")
    around = window.run(AT, "svg.trellis")
    assert left >= around[0] - 1 and left + wide <= around[0] + around[2] + 1
    assert top >= around[1] - 1 and top + high <= around[1] + around[3] + 1
    x, y, scale = look(window)["view"]
    on = middle(window, '[data-frame="checks"] text')
    window.drag(*on, on[0] + 30, on[1] + 40)  # a drag that begins on a frame closes nothing
    assert look(window)["view"] == pytest.approx([x + 30, y + 40, scale]) and look(window)["closed"] == []
    under = middle(window, '[data-part="build"]')
    window.wheel(*under, -200)
    assert look(window)["view"][2] > scale
    assert middle(window, '[data-part="build"]') == pytest.approx(under, abs=2)
    window.keys(*"++++")
    window.run("document.querySelector('[data-part=approve]').focus()")
    window.keys("Tab")
    assert look(window)["chosen"] == ["count"]  # the next box, which is brought to where it is seen
    assert middle(window, '[data-part="approve"]') == pytest.approx(middle(window, "svg.trellis"), abs=2)


def lets_nothing_in(window: Browser) -> None:
    """What a page might be made to run or load, the browser refuses."""
    refused = window.awaited(
        "const found = [], done = arguments[0];"
        "document.addEventListener('securitypolicyviolation', (e) => { if (found.push(e.blockedURI) === 3) done(found); });"
        "const s = document.createElement('script'); s.textContent = 'window.broken = 1'; document.body.append(s);"
        "const b = document.querySelector('button'); b.setAttribute('onclick', 'window.broken = 1'); b.click();"
        "const i = new Image(); i.src = 'http://127.0.0.1:9/x.png';"
    )
    assert sorted(refused) == ["http://127.0.0.1:9/x.png", "inline", "inline"]
    assert window.run("return window.broken === undefined") is True
