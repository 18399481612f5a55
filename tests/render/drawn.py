"""A graph with one of everything that a picture shows, built without YAML."""

from __future__ import annotations

from trellis.model.graph import (
    Ask,
    Body,
    Call,
    Definition,
    Each,
    Edge,
    End,
    Graph,
    Join,
    Node,
    Undo,
)


def graph_of(*nodes: Node, catch: dict[str, str] | None = None, upon: dict[str, str] | None = None) -> Graph:
    """The graph of these nodes; it starts at the first."""
    named = {node.id: node for node in nodes}
    return Graph(Definition("drawn", nodes[0].id, named, catch=catch or {}, upon=upon or {}))


EVERYTHING = graph_of(
    Node("greet", "say", say='Hello {{ default(user, "friend") }}', to=(Edge("choose"),)),
    Node(
        "choose",
        "ask",
        say="Which environment?",
        ask=Ask("choice", "env", ("staging", "prod")),
        timeout=30,
        catch={"timeout": "bye"},
        upon={"interrupt": "bye"},
        to=(Edge("bye", 'env == "prod" and tries > 2'), Edge("build")),
    ),
    Node(
        "build",
        "do",
        do=Call("ops.create"),
        save="server",
        undo=Undo(Call("ops.delete")),
        catch={"denied": "bye"},
        to=(Edge("checks"),),
    ),
    Node(
        "checks",
        "all",
        bodies=(Body("http", "checks.http", "checks.http"), Body("db", "checks.db", "checks.db.ping")),
        join=Join(),
        catch={"failed": "$rollback"},
        to=(Edge("fan"),),
    ),
    Node("checks.http", "do", region="checks.http", do=Call("ops.check")),
    Node(
        "checks.db.ping",
        "do",
        region="checks.db",
        do=Call("ops.ping"),
        undo=Undo(Call("ops.unping")),
        to=(Edge("checks.db.query"),),
    ),
    Node(
        "checks.db.query",
        "do",
        region="checks.db",
        do=Call("ops.query"),
        catch={"failed": "$fail"},
        to=(Edge("checks.db.query", "again"), Edge("$end")),
    ),
    Node(
        "fan",
        "each",
        bodies=(Body("", "fan[]", "fan[]"),),
        each=Each("servers", "server"),
        join=Join("collect"),
        to=(Edge("fan", "tries < 3"), Edge("pairs")),
    ),
    Node("fan[]", "do", region="fan[]", do=Call("ops.ship")),
    Node(
        "pairs",
        "each",
        bodies=(Body("", "pairs[]", "pairs[].both"),),
        each=Each("servers", "server"),
        join=Join("count", 2),
        to=(Edge("approve"),),
    ),
    Node(
        "pairs[].both",
        "all",
        region="pairs[]",
        bodies=(
            Body("left", "pairs[].both.left", "pairs[].both.left"),
            Body("right", "pairs[].both.right", "pairs[].both.right"),
        ),
        join=Join("count", 1),
        to=(Edge("pairs[].tell"),),
    ),
    Node("pairs[].both.left", "say", region="pairs[].both.left", say="left"),
    Node("pairs[].both.right", "say", region="pairs[].both.right", say="right"),
    Node("pairs[].tell", "say", region="pairs[]", say="Done {{ server.id }}", to=(Edge("$end"),)),
    Node(
        "approve",
        "ask",
        ask=Ask("confirm", "go"),
        to=(Edge("build", "not go", undo=True), Edge("count", "go"), Edge("$rollback")),
    ),
    Node("count", "pass", set={"tries": "tries + 1"}, to=(Edge("end"),)),
    Node("end", "end", end=End("ok")),
    Node("bye", "end", end=End("cancelled")),
    catch={"*": "$rollback"},
    upon={"interrupt": "bye"},
)
