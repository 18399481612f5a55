"""What each error says, word by word; and the tree in the docstring is the tree."""

from __future__ import annotations

import re

import pytest

from trellis import errors
from trellis.errors import TrellisError

SAID: list[tuple[TrellisError, str, int]] = [
    (errors.TrellisError("anything"), "anything", 1),
    (
        errors.InvalidGraph(["a.yaml:1:1: E101 one", "a.yaml:2:1: E102 two"]),
        "a.yaml:1:1: E101 one\na.yaml:2:1: E102 two",
        3,
    ),
    (errors.Unreadable("a.yaml", "it is a folder"), "cannot read 'a.yaml': it is a folder", 3),
    (
        errors.Unreadable("a.yaml", "it is a folder", "name a file in it"),
        "cannot read 'a.yaml': it is a folder (name a file in it)",
        3,
    ),
    (errors.ExpressionError("a / b", "division by zero"), "cannot evaluate `a / b`: division by zero", 1),
    (errors.ReplayError("r", 7, "no such node"), "run 'r' cannot be replayed at event 7: no such node", 1),
    (errors.ActionError("full"), "full", 1),
    (errors.ActionError("full", "no room"), "full: no room", 1),
    (errors.UsageError("wrong"), "wrong", 2),
    (errors.UnknownRun("r"), "unknown run 'r'", 2),
    (
        errors.RunConflict("r", "this", "that", "0123456789abcdef", "fedcba9876543210"),
        (
            "run 'r' was started with another definition of 'that' (0123456789ab) than this one of 'this' "
            "(fedcba987654); `trellis resume r` continues it as it was, another --id starts anew"
        ),
        2,
    ),
    (
        errors.RunTaken("r/use/1"),
        "run 'r/use/1' was started by somebody else, and the run above it wants one of this id",
        2,
    ),
    (
        errors.RunConflict("r", "this", "that"),
        (
            "run 'r' was started with another definition of 'that' than this one of 'this'; "
            "`trellis resume r` continues it as it was, another --id starts anew"
        ),
        2,
    ),
    (
        errors.StartedOtherwise("r", ["x", "y"]),
        (
            "run 'r' was started with another value of 'x', 'y'; `trellis resume r` continues it as it was, "
            "another --id starts anew"
        ),
        2,
    ),
    (errors.InvalidLocale("pt_BR", "pt-BR"), "'pt_BR' is no language tag (did you mean 'pt-BR'?)", 2),
    (
        errors.InvalidLocale("x" * 41),
        f"'{'x' * 37}...' is no language tag (write a tag such as en or pt-BR)",
        2,
    ),
    (
        errors.InvalidRunId("-r"),
        "'-r' is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'",
        2,
    ),
    (
        errors.InvalidRunId("x" * 41),
        f"'{'x' * 37}...' is no id of a run: 1 to 200 characters that can be printed, the first of them no '-'",
        2,
    ),
    (
        errors.InvalidRequestId("q\0"),
        "'q\\x00' is no id of a request: at most 200 characters, no U+0000 and no lone surrogate",
        2,
    ),
    (errors.RunClosed("r", "failed"), "run 'r' has ended: failed", 2),
    (errors.Refused("not_asked", "node 'a' does not ask"), "node 'a' does not ask", 2),
    (errors.FieldsNeeded("g", ["a"]), "graph 'g' needs a value at start for 'a': --set a=…", 2),
    (
        errors.FieldsNeeded("g", ["a", "b"], {"b": "env:B"}),
        "graph 'g' needs a value at start for 'a', 'b': --set a=… --set b=… (or set B in the environment)",
        2,
    ),
    (errors.InvalidField("a", "expected string, found null"), "field 'a': expected string, found null", 2),
    (
        errors.PermissionNeeded("process", ["a", "b"]),
        "process tools need permission: 'a', 'b'; run again with --allow process",
        2,
    ),
    (errors.UnknownTool("g", ["a", "b"]), "graph 'g' calls tools that nobody declares or registers: 'a', 'b'", 3),
    (
        errors.UnknownTool("g", ["a"], "did you mean 'b'?"),
        "graph 'g' calls tools that nobody declares or registers: 'a' (did you mean 'b'?)",
        3,
    ),
    (
        errors.SecretsNeeded("r", ["a", "b"]),
        "run 'r' needs its secrets again, no store keeps them: 'a', 'b'; answer them when it is resumed",
        7,
    ),
    (
        errors.SignalNeeded("r", {"a": ["Up", "Warm"], "b.x": ["Up"]}),
        "run 'r' waits at 'a' for Up, Warm; at 'b.x' for Up: only a signal can move it on",
        7,
    ),
    (
        errors.NoTransactions("pay", "memory://"),
        (
            "tool 'pay' is transactional, and store memory:// has no transactions that an action could write in: "
            "use sqlite:///FILE or postgresql://…, or declare the tool idempotent"
        ),
        2,
    ),
    (errors.TooManyRuns(1), "1 run is open, as many as this host allows; start it when one has ended", 2),
    (errors.TooManyRuns(20), "20 runs are open, as many as this host allows; start it when one has ended", 2),
    (errors.AnswerNeeded("r", "a"), "run 'r' waits for an answer at 'a' and there is none", 7),
    (
        errors.AnswerNeeded("r", "a", "too long"),
        "run 'r' waits for an answer at 'a' and there is none; the last one was refused: too long",
        7,
    ),
    (
        errors.HostClosed("r"),
        "the host was closed while run 'r' was open; `trellis resume r` continues it",
        130,
    ),
    (errors.StoreError("no"), "no", 2),
    (errors.StoreUnavailable("sqlite:///a", "is a folder"), "store sqlite:///a: is a folder", 2),
    (
        errors.StoreTooOld("postgresql:///a", 1, 2),
        (
            "store postgresql:///a has format 1, this version needs 2: stop its hosts, then `trellis db migrate "
            "--store postgresql:///a`"
        ),
        2,
    ),
    (
        errors.LeaseLost("deploy", 4),
        "the lock 'deploy' was not renewed in time: another may have it since; do not write under token 4",
        2,
    ),
    (
        errors.StoreTooNew("sqlite:///a", 3, 2),
        (
            "store sqlite:///a has format 3, this version knows 2: it was written by a newer trellis; "
            "upgrade trellis or name another --store"
        ),
        2,
    ),
    (
        errors.StoreCorrupt("sqlite:///a", "event 3 is missing"),
        "store sqlite:///a cannot be read: event 3 is missing",
        2,
    ),
    (
        errors.StoreFull("sqlite:///a", "disk full"),
        "store sqlite:///a has no room: disk full; nothing was written, free some space and resume",
        2,
    ),
    (errors.RunOwned("r", "12-ab"), "run 'r' is running elsewhere (owner 12-ab)", 2),
    (errors.Conflict("r", 3, 5), "run 'r': cannot write event 3, the journal ends at 5", 2),
    (errors.MachineError("it is closed"), "it is closed", 1),
    (
        errors.BadSchema(["the order lacks the state 'A'", "state 'B': x"]),
        "the order lacks the state 'A'; state 'B': x",
        3,
    ),
    (errors.UnknownState("Opne", "did you mean 'Open'?"), "no state named 'Opne' (did you mean 'Open'?)", 2),
    (errors.UnknownState(7), "no state named 7", 2),
    (
        errors.UnknownHandler("OpenStat", "did you mean 'OpenState'?"),
        "no state calls a handler named 'OpenStat' (did you mean 'OpenState'?)",
        2,
    ),
    (
        errors.WrongThread("door"),
        (
            "machine 'door' belongs to another thread: hand the mutation to it with ThreadSafe(machine, loop), "
            "or take the machine over while it is idle with own()"
        ),
        2,
    ),
    (errors.AsyncHandler("OpenState"), "handler 'OpenState' must be awaited; bind it to an AsyncMachine", 1),
    (
        errors.HandlerCancelled("OpenState"),
        "handler 'OpenState' ended cancelled, though nobody cancelled the machine",
        1,
    ),
    (errors.HandlerTimeout("OpenState", 1.2345, 0.5), "handler 'OpenState' ran for 1.23 s, longer than 0.5 s", 1),
    (
        errors.ExceptionFailed("door", "AnyState", ValueError("x")),
        "handler 'AnyState' of machine 'door' raised while taking in an error: ValueError('x')",
        1,
    ),
    (
        errors.LoopLimit("door", 1000, "add Open"),
        (
            "machine 'door' made 1000 transitions in one call, at last [add Open]; "
            "a handler calls for itself without end, or transition_limit is too small"
        ),
        1,
    ),
    (
        errors.LoopLimit("door", 9, "add Open", ValueError("x")),
        "machine 'door' made 9 transitions in one call, at last [add Open]; its latest error is ValueError('x')",
        1,
    ),
    (errors.BadHandlers("Doors is a class"), "cannot bind: Doors is a class", 2),
    (errors.BadTracer(["no hook named 'transition_strat'"]), "no hook named 'transition_strat'", 2),
    (
        errors.TracerFailed("door", "transition_end", ValueError("x")),
        (
            "tracer hook 'transition_end' of machine 'door' raised: ValueError('x'); "
            "the machine did all it would have done without the tracer"
        ),
        1,
    ),
    (
        errors.BadHistory(["max_records is at least 1", "no state named 'X'"]),
        "max_records is at least 1; no state named 'X'",
        2,
    ),
    (errors.BadArguments("Open", "unknown `kee`"), "arguments of state 'Open': unknown `kee`", 2),
    (
        errors.BadImport("door", ["it was exported from 'gate'", "it lacks the state 'Open'"]),
        "machine 'door' cannot go on from this export: it was exported from 'gate'; it lacks the state 'Open'",
        2,
    ),
    (errors.Runaway("m", "Beat", "501 ticks"), "loop of state 'Beat' in machine 'm': 501 ticks", 1),
    (errors.WaitedTooLong(2.5, ["when A", "when B"]), "waited 2.5 s for when A, when B", 1),
]


@pytest.mark.parametrize(("error", "text", "code"), SAID, ids=lambda value: type(value).__name__)
def test_an_error_says_what_is_the_case_and_knows_its_exit_code(error: TrellisError, text: str, code: int) -> None:
    assert (str(error), error.exit_code) == (text, code)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"^    ([│├└─ ]*)([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
    parents: dict[int, str] = {}
    edges = set()
    for stem, name in drawn:
        depth = len(stem) // 4
        parents[depth] = name
        edges.add((parents.get(depth - 1, ""), name))
    assert edges == {("" if kind is TrellisError else kind.__mro__[1].__name__, kind.__name__) for kind in _kinds()}
    assert len(drawn) == len(edges)


def test_every_error_of_the_tree_has_its_text_here() -> None:
    assert {type(error) for error, _, _ in SAID} == set(_kinds())


def _kinds() -> list[type[TrellisError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, TrellisError)]
