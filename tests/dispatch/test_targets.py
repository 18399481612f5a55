"""`python: "module:function"` means the document's folder first, then what is installed, and nothing private."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.attempts import attempt
from trellis.dispatch import Dispatcher, targets
from trellis.model.actions import Completed, Failed, Response
from trellis.model.graph import Tool


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    modules, path, folders = dict(sys.modules), list(sys.path), dict(targets._folders)
    yield
    assert sys.path == path, "a folder stayed on sys.path"
    for name in set(sys.modules) - set(modules):
        del sys.modules[name]
    assert sys.modules == modules, "a module of somebody else was replaced"
    targets._folders.clear()
    targets._folders.update(folders)


def write(folder: Path, **sources: str) -> Path:
    folder.mkdir(exist_ok=True, parents=True)
    for name, source in sources.items():
        (folder / f"{name}.py").write_text(source)
    return folder


def run(folder: Path, target: str, **args: Any) -> Response:
    return attempt(Dispatcher().bind({"t": Tool("python", python=target)}, base=str(folder)), "t", **args)


def test_a_function_beside_the_document_is_called(tmp_path: Path) -> None:
    write(tmp_path, mytools="async def double(n): return n * 2\nclass Ops:\n    def name(self=None): return 'ops'\n")
    assert run(tmp_path, "mytools:double", n=4) == Completed(8)
    assert run(tmp_path, "mytools:Ops.name") == Completed("ops")


def test_nothing_is_imported_before_the_first_use(tmp_path: Path) -> None:
    write(tmp_path, eager="from pathlib import Path\nPath(__file__).with_name('loaded').touch()\ndef f(): pass\n")
    router = Dispatcher().bind({"t": Tool("python", python="eager:f")}, base=str(tmp_path))
    assert router.unknown(["t"]) == []
    assert not (tmp_path / "loaded").exists()
    attempt(router, "t")
    assert (tmp_path / "loaded").exists()


def test_a_module_is_loaded_once_for_all_the_functions_of_its_folder(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write(folder, counter="n = 0\ndef up():\n    global n\n    n += 1\n    return n\n")
        write(folder, other="from counter import up\n")
    for target, n in [("counter:up", 1), ("other:up", 2), ("counter:up", 3)]:
        assert [run(folder, target) for folder in folders] == [Completed(n), Completed(n)]


def test_siblings_and_packages_of_the_folder_are_found(tmp_path: Path) -> None:
    write(
        tmp_path,
        helpers="word = 'hi'\n",
        front="import helpers\nfrom pack.deep import word\ndef f(): return [helpers.word, word()]\n",
    )
    write(
        tmp_path / "pack",
        __init__="from .deep import word\n",
        deep="def word():\n    from . import late\n    return late.text\n",
    )
    write(tmp_path / "pack", late="text = 'late'\n")
    assert run(tmp_path, "front:f") == Completed(["hi", "late"])
    assert run(tmp_path, "pack:word") == Completed("late")
    assert run(tmp_path, "pack.deep:word") == Completed("late")


def test_two_folders_with_modules_of_the_same_names_do_not_meet(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / name, helpers=f"word = '{name}'\n", tools="import helpers\ndef f(): return helpers.word\n")
        write(tmp_path / name, more="import tools\nfrom helpers import word\ndef f(): return [word, tools.f()]\n")
    folders = [tmp_path / "a", tmp_path / "b"]
    assert [run(folder, "tools:f") for folder in folders] == [Completed("a"), Completed("b")]
    assert [run(folder, "more:f") for folder in folders] == [Completed(["a", "a"]), Completed(["b", "b"])]


def test_a_folder_inside_another_keeps_its_own_modules(tmp_path: Path) -> None:
    write(tmp_path, tools="def f(): return 'outer'\n")
    write(tmp_path / "graphs", tools="def f(): return 'inner'\n")
    assert run(tmp_path / "graphs", "tools:f") == Completed("inner")
    assert run(tmp_path, "tools:f") == Completed("outer")


def test_a_folder_does_not_see_the_modules_of_another(tmp_path: Path) -> None:
    write(tmp_path / "a", helpers="", tools="import helpers\ndef f(): pass\n")
    write(tmp_path / "b", tools="import helpers\ndef f(): pass\n")
    assert run(tmp_path / "a", "tools:f") == Completed(None)
    assert run(tmp_path / "b", "tools:f") == Failed(
        "unknown_tool",
        "'tools:f': module 'tools' does not load: ModuleNotFoundError: No module named 'helpers'",
        retryable=False,
    )


def test_a_module_that_the_program_has_from_the_same_folder_is_the_same_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, shared="seen = []\ndef f():\n    seen.append(1)\n    return len(seen)\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path))
        shared = importlib.import_module("shared")
    assert run(tmp_path, "shared:f") == Completed(1)
    assert shared.seen == [1]


def test_a_module_that_the_program_has_from_elsewhere_is_not_mistaken_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "app", shared="def f(): return 'app'\n")
    write(tmp_path / "doc", shared="def f(): return 'doc'\n")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "app"))
        shared = importlib.import_module("shared")
    assert run(tmp_path / "doc", "shared:f") == Completed("doc")
    assert sys.modules["shared"] is shared


def test_an_installed_package_is_found_after_the_folder(tmp_path: Path) -> None:
    assert run(tmp_path, "click:unstyle", text="\x1b[1mhi\x1b[0m") == Completed("hi")
    write(tmp_path, click="def unstyle(text): return 'mine'\n")
    assert run(tmp_path, "click:unstyle", text="x") == Completed("mine")


def test_the_timeout_and_effect_of_the_declaration_hold(tmp_path: Path) -> None:
    write(tmp_path, tools="import asyncio\nasync def f(): await asyncio.Event().wait()\n")
    tool = Tool("python", python="tools:f", timeout=0.02, effect="pure")
    router = Dispatcher().bind({"t": tool}, base=str(tmp_path))
    assert attempt(router, "t") == Failed("timeout", "no result within 0.02s")
    assert router.effect("t") == "pure"


FAULTS = {
    "nowhere:f": "'nowhere:f': no module 'nowhere', neither in {folder} nor installed",
    "tool:f": "'tool:f': no module 'tool', neither in {folder} nor installed (did you mean 'tools'?)",
    "tools.deep:f": "'tools.deep:f': no module 'tools.deep', neither in {folder} nor installed (did you mean 'tools'?)",
    "tools:creat": "'tools:creat': 'tools' has no 'creat' (did you mean 'create'?)",
    "tools:Ops.creat": "'tools:Ops.creat': 'tools.Ops' has no 'creat' (did you mean 'create'?)",
    "tools:_secret": "'tools:_secret': '_secret' is private; name a public function",
    "tools:Ops.__init__": "'tools:Ops.__init__': '__init__' is private; name a public function",
    "_tools:f": "'_tools:f': '_tools' is private; name a public function",
    "tools:number": "'tools:number' is of type int, not a function",
    "tools:os.system": "'tools:os.system': 'os' is a module; name the module that has the function before the colon",
    "os:system": "'os:system' is in the standard library; wrap it in a function beside the document",
    "tools": "'tools' names no function; write module:function, such as mytools.ops:create",
    "tools:": "'tools:' names no function; write module:function, such as mytools.ops:create",
    "../tools:f": "'../tools:f' names no function; write module:function, such as mytools.ops:create",
    "broken:f": "'broken:f': module 'broken' does not load: ValueError: not today",
    "lacking:f": "'lacking:f': module 'lacking' does not load: ModuleNotFoundError: No module named 'pandaz'",
    "leaving:f": "'leaving:f': module 'leaving' does not load: SystemExit: 2",
}


@pytest.mark.parametrize("target", FAULTS)
def test_a_target_that_names_no_function_says_why(target: str, tmp_path: Path) -> None:
    write(
        tmp_path,
        tools="import os\nnumber = 7\ndef create(): pass\ndef _secret(): pass\nclass Ops:\n    def create(): pass\n",
        broken="raise ValueError('not today')\n",
        lacking="import pandaz\n",
        leaving="raise SystemExit(2)\n",
    )
    assert run(tmp_path, target) == Failed("unknown_tool", FAULTS[target].format(folder=tmp_path), retryable=False)


def test_a_module_of_the_folder_may_bear_a_name_of_the_standard_library(tmp_path: Path) -> None:
    write(tmp_path, queue="def f(): return 'mine'\n")
    assert run(tmp_path, "queue:f") == Completed("mine")


def test_a_module_that_did_not_load_is_tried_again(tmp_path: Path) -> None:
    router = Dispatcher().bind({"t": Tool("python", python="mended:f")}, base=str(tmp_path))
    write(tmp_path, mended="def f(:\n")
    assert isinstance(attempt(router, "t"), Failed)
    write(tmp_path, mended="def f(): return 'mended'\n")
    assert attempt(router, "t") == Completed("mended")


def test_a_target_that_cannot_be_called_by_keyword_is_refused(tmp_path: Path) -> None:
    write(tmp_path, tools="def f(a, /): return a\n")
    assert run(tmp_path, "tools:f", a=1) == Failed(
        "invalid",
        "'tools:f' cannot be an action: arguments are given by keyword, and 'a' is positional only",
        retryable=False,
    )


def test_a_folder_that_does_not_exist_leaves_what_is_installed(tmp_path: Path) -> None:
    assert run(tmp_path / "gone", "click:unstyle", text="hi") == Completed("hi")
