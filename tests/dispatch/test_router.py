"""A name means what the program registered, else what the document declares; what is not allowed is denied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dispatch.attempts import attempt
from trellis.dispatch import Dispatcher
from trellis.model.actions import Completed, Denied, Failed
from trellis.model.graph import Tool

SAY_PROCESS = Tool("process", process=("echo", "process"), effect="at_most_once")


async def say_action() -> str:
    return "action"


@pytest.mark.covers("TR01")
def test_a_registered_action_wins_over_a_declared_tool_of_the_same_name(tmp_path: Path) -> None:
    dispatcher = Dispatcher()
    router = dispatcher.bind({"say": SAY_PROCESS}, base=str(tmp_path), allow=["process"])
    assert attempt(router, "say") == Completed("process")
    assert router.effect("say") == "at_most_once"
    dispatcher.register("say", say_action, effect="pure")
    assert attempt(router, "say") == Completed("action")
    assert router.effect("say") == "pure"


def test_the_decorator_registers_the_function_and_leaves_it_alone() -> None:
    dispatcher = Dispatcher()

    @dispatcher.action("say")
    def say() -> str:
        return "hello"

    assert say() == "hello"
    assert dispatcher.names == {"say"}
    router = dispatcher.bind({}, base=".")
    assert router.effect("say") == "idempotent"
    assert attempt(router, "say") == Completed("hello")


def test_registering_a_name_twice_is_refused() -> None:
    dispatcher = Dispatcher()
    dispatcher.register("say", say_action)
    with pytest.raises(ValueError, match=r"^action 'say' is registered already; give one of the two another name$"):
        dispatcher.action("say")(say_action)
    assert dispatcher.names == {"say"}


def test_registering_refuses_what_could_never_be_called_right() -> None:
    dispatcher = Dispatcher()

    def positional(value: int, /) -> int:
        return value

    misspelt: Any = "idempotnet"
    with pytest.raises(ValueError, match="^action 'a': no effect 'idempotnet'; one of pure, idempotent, transactional"):
        dispatcher.register("a", say_action, effect=misspelt)
    with pytest.raises(TypeError, match="^action 'a': arguments are given by keyword, and 'value' is positional only$"):
        dispatcher.register("a", positional)
    nothing: Any = None
    with pytest.raises(TypeError, match="^action 'a': NoneType cannot be called$"):
        dispatcher.register("a", nothing)
    assert dispatcher.names == frozenset()


def test_an_undeclared_tool_is_reported_with_the_nearest_name() -> None:
    dispatcher = Dispatcher()
    dispatcher.register("ops.create", say_action)
    router = dispatcher.bind({"ops.delete": SAY_PROCESS}, base=".")
    assert attempt(router, "ops.creat") == Failed(
        "unknown_tool", "no tool named 'ops.creat' (did you mean 'ops.create'?)", retryable=False
    )
    assert attempt(router, "ops.delet") == Failed(
        "unknown_tool", "no tool named 'ops.delet' (did you mean 'ops.delete'?)", retryable=False
    )
    assert attempt(router, "x") == Failed("unknown_tool", "no tool named 'x'", retryable=False)


def test_a_process_tool_is_denied_until_it_is_allowed(tmp_path: Path) -> None:
    touch = Tool("process", process=("touch", "touched"))
    denying = Dispatcher().bind({"touch": touch}, base=str(tmp_path), allow=["http"])
    assert attempt(denying, "touch") == Denied("process tools need --allow process")
    assert list(tmp_path.iterdir()) == []
    allowing = Dispatcher().bind({"touch": touch}, base=str(tmp_path), allow=["process"])
    assert attempt(allowing, "touch") == Completed(None)
    assert [path.name for path in tmp_path.iterdir()] == ["touched"]


def test_unknown_and_forbidden_tools_are_named_before_anything_runs() -> None:
    dispatcher = Dispatcher()
    dispatcher.register("a", say_action)
    dispatcher.register("covered", say_action)
    tools = {"p": SAY_PROCESS, "covered": SAY_PROCESS, "q": SAY_PROCESS, "py": Tool("python", python="no:where")}
    called = ["q", "a", "x", "p", "covered", "py", "q", "y", "x"]
    denying = dispatcher.bind(tools, base=".")
    assert denying.unknown(called) == ["x", "y"]
    assert denying.forbidden(called) == {"process": ["q", "p"]}
    assert denying.forbidden(["a", "py", "covered"]) == {}
    assert dispatcher.bind(tools, base=".", allow=["process"]).forbidden(called) == {}


def test_the_effect_of_a_tool_that_nobody_knows_is_idempotent() -> None:
    assert Dispatcher().bind({}, base=".").effect("nothing") == "idempotent"
