"""A function is called once, with what its signature takes, and every way it may end is one report."""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dispatch.attempts import attempt, play
from trellis.dispatch import Dispatcher, Router
from trellis.dispatch.callables import own
from trellis.errors import ActionError
from trellis.model.actions import CallTool, Completed, Failed
from trellis.testing.dispatchers import call


def router(function: Any) -> Router:
    dispatcher = Dispatcher()
    dispatcher.register("f", function)
    return dispatcher.bind({}, base=".")


def test_arguments_are_given_by_keyword_and_defaults_fill_the_rest() -> None:
    async def f(a: int, *, b: int = 2, c: int = 3) -> list[int]:
        return [a, b, c]

    assert attempt(router(f), "f", c=30, a=10) == Completed([10, 2, 30])


@pytest.mark.parametrize("kind", ["async", "sync"])
def test_the_request_is_given_to_whoever_has_a_parameter_for_it(kind: str) -> None:
    async def with_request(a: int, *, request: CallTool) -> list[Any]:
        return [a, request.idempotency_key, request.args]

    def in_thread(a: int, request: CallTool) -> list[Any]:
        return [a, request.idempotency_key, request.args]

    function = with_request if kind == "async" else in_thread
    assert attempt(router(function), "f", a=1) == Completed([1, "r-1/work/7", {"a": 1}])


def test_a_signature_that_takes_any_name_is_not_given_the_request() -> None:
    async def f(**args: Any) -> dict[str, Any]:
        return args

    assert attempt(router(f), "f", request="mine", **{"not-a-name": 1}) == Completed(
        {"request": "mine", "not-a-name": 1}
    )


def test_arguments_that_do_not_fit_are_all_named_at_once() -> None:
    called = []

    async def create(env: str, token: str, size: int = 1) -> None:
        called.append(env)

    assert attempt(router(create), "f", envv="prod", sise=2) == Failed(
        "invalid",
        "'f' cannot be called so: it takes no argument 'envv' (did you mean 'env'?); it takes no argument 'sise' "
        "(did you mean 'size'?); it needs 'env', 'token'. Its arguments: env, size, token",
        retryable=False,
    )
    assert called == []


def test_the_name_of_the_request_is_no_argument() -> None:
    async def f(*, request: CallTool) -> str:
        return request.node

    async def free(*, request: CallTool, **args: Any) -> str:
        return request.node

    for function in (f, free):
        assert attempt(router(function), "f", request=1) == Failed(
            "invalid", "'f' cannot be called so: it takes no argument 'request'. Its arguments: none", retryable=False
        )
    assert attempt(router(free), "f", other=1) == Completed("work")


def test_a_function_whose_signature_python_cannot_tell_is_called_all_the_same() -> None:
    assert attempt(router(dict), "f", a=1) == Completed({"a": 1})


@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize(
    ("error", "report"),
    [
        (ActionError("full", "no room", retryable=False), Failed("full", "no room", retryable=False)),
        (ActionError("busy"), Failed("busy", "", retryable=True)),
        (TimeoutError("no answer"), Failed("timeout", "no answer")),
        (TimeoutError(), Failed("timeout", "TimeoutError")),
        (ValueError("out of paper"), Failed("failed", "ValueError: out of paper")),
        (KeyError(), Failed("failed", "KeyError")),
        (SystemExit(3), Failed("failed", "SystemExit: 3")),
        (asyncio.CancelledError("within"), Failed("failed", "CancelledError: within")),
        (ValueError("a\0b\ud800"), Failed("failed", "ValueError: a?b?")),
        (ValueError("x" * 5000), Failed("failed", "ValueError: " + "x" * 4083 + "…")),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_a_function_raises_becomes_its_report(kind: str, error: BaseException, report: Failed) -> None:
    async def on_the_loop() -> None:
        raise error

    def in_thread() -> None:
        raise error

    assert attempt(router(on_the_loop if kind == "async" else in_thread), "f") == report


def test_an_error_that_cannot_be_printed_is_reported_by_its_name() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    async def f() -> None:
        raise Mute

    assert attempt(router(f), "f") == Failed("failed", "Mute")


def test_a_failure_is_not_logged_because_its_text_may_hold_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    async def f(token: str) -> None:
        raise ValueError(f"{token} was refused")

    with caplog.at_level("DEBUG"):
        assert attempt(router(f), "f", token="sesame") == Failed("failed", "ValueError: sesame was refused")
    assert "sesame" not in caplog.text


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"items": [1, (2, 3)]}, "at items[1]: tuple is no JSON value (use a list)"),
        (float("nan"), "nan is no JSON number"),
        (2**63, "integer beyond 64 bits"),
        (object(), "object is no JSON value (use null, a boolean, number, string, list or map)"),
    ],
)
def test_a_returned_value_that_is_no_json_is_refused_with_its_place(value: Any, reason: str) -> None:
    async def f() -> Any:
        return value

    assert attempt(router(f), "f") == Failed(
        "invalid", f"'f' returned what is no JSON value: {reason}", retryable=False
    )


def test_a_function_that_changes_its_arguments_changes_its_own_copy() -> None:
    async def f(items: list[int], *, request: CallTool) -> int:
        items.append(4)
        request.args["more"] = 1
        return len(items)

    request = call("f", items=[1, 2, 3])
    assert play(router(f).dispatch(request)) == Completed(4)
    assert request == call("f", items=[1, 2, 3])


def test_a_function_that_changes_later_what_it_returned_changes_no_report() -> None:
    kept: dict[str, list[int]] = {"seen": []}

    async def f() -> Any:
        kept["seen"].append(1)
        return kept

    one = router(f)
    first = attempt(one, "f")
    attempt(one, "f")
    assert first == Completed({"seen": [1]})


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
)


def holders(value: Any) -> list[int]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return ([id(value)] if isinstance(value, dict | list) else []) + [i for part in parts for i in holders(part)]


@given(json)
def test_an_own_value_is_equal_and_shares_no_list_or_map(value: Any) -> None:
    mine = own(value)
    assert mine == value
    assert not set(holders(mine)) & set(holders(value))


def test_async_functions_start_no_thread() -> None:
    async def f() -> str:
        return threading.current_thread().name

    before = threading.active_count()
    assert attempt(router(f), "f") == Completed(threading.current_thread().name)
    assert threading.active_count() == before


def test_partials_and_objects_that_are_async_run_on_the_loop() -> None:
    here = threading.current_thread().name

    async def f(a: int, b: int) -> list[Any]:
        return [a, b, threading.current_thread().name]

    class Adder:
        async def __call__(self, a: int) -> list[Any]:
            return [a, threading.current_thread().name]

    before = set(threading.enumerate())
    assert attempt(router(functools.partial(f, b=2)), "f", a=1) == Completed([1, 2, here])
    assert attempt(router(Adder()), "f", a=1) == Completed([1, here])
    assert set(threading.enumerate()) <= before


def test_a_wrapper_that_hides_a_coroutine_is_awaited() -> None:
    async def f(a: int) -> int:
        return a

    @functools.wraps(f)
    def wrapper(**args: Any) -> Any:
        return f(**args)

    assert attempt(router(wrapper), "f", a=1) == Completed(1)


def test_an_async_function_that_completes_though_cancelled_is_reported() -> None:
    async def scene() -> Any:
        begun = asyncio.Event()

        async def f() -> str:
            begun.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                return "done after all"
            return "never"

        task = asyncio.create_task(router(f).dispatch(call("f")))
        await begun.wait()
        task.cancel()
        return await task

    assert play(scene()) == Completed("done after all")
