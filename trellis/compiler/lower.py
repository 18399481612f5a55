"""Documents to the relation graph: every node gets its id and region, every target its meaning, every text its place.

Lowering never stops: what is wrong is lowered to its best guess or left out, and the rules tell of it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple, cast

import msgspec
from msgspec.structs import replace

from trellis.compiler import parts
from trellis.compiler.names import resolve, resolve_start, resolve_state
from trellis.compiler.sites import Declared, Mention, Phase, Region, Role, Site, Steps, Text, View
from trellis.compiler.sources import Source
from trellis.compiler.states import gather
from trellis.model.documents import Step
from trellis.model.graph import (
    BECOME,
    CAUGHT,
    END,
    SIGNALLED,
    Body,
    Call,
    Definition,
    Edge,
    Emission,
    Escalation,
    Migrate,
    Node,
    Retry,
    Undo,
    Verb,
    Wait,
)
from trellis.model.saying import Part, Saying, Worded
from trellis.model.states import EXCEPTION, DeclaredState
from trellis.model.types import Type
from trellis.model.values import Value

BOOLEAN = Type("boolean")
LIST = Type("list", item=parts.ANY)
_VERBS: tuple[Verb, ...] = ("do", "ask", "all", "race", "each", "use", "wait", "emit", "end", "say")
_RELATIONS: tuple[Role, ...] = ("require", "add", "remove", "after")


def lower(source: Source, *, tools: Collection[str] | None = None) -> View:
    """The view of a document, whose definition is complete when no rule finds an error."""
    document = source.document
    view = View(document, source.pruned, tools)
    data: dict[str, Any] = document.data  # type: ignore[assignment]
    gather(view, source)
    fields = {}
    for name, written in (data.get("fields") or {}).items():
        fields[name], view.fields[name] = parts.field(written)
        check = fields[name].check
        if check is not None:
            view.texts.append(Text("expression", check, ("fields", name, "check"), "enter", BOOLEAN))
    for lost in view.lost("fields"):
        view.fields.setdefault(str(lost), parts.ANY)
    lowering = _Lowering(view, fields)
    root = lowering.region("", "", (), data, frozenset())
    catch, upon = lowering.routes(root, data, (), "catch"), lowering.routes(root, data, (), "upon")
    upon_states = lowering.reactions(root, data, ())
    lowering.handlers(lowering.met, root, Onward((Edge(END),)))
    states = {name: lowering.state(declared) for name, declared in view.states.items()}
    groups = {name: lowering.members("groups", group.members, group.steps) for name, group in view.groups.items()}
    nodes = {name: site.node for name, site in view.sites.items()}
    tools_written = data.get("tools") or {}
    for name, written in tools_written.items():
        for key in ("process", "env", "confirm"):
            lowering.template(view.texts, written.get(key), ("tools", name, key), "enter")
    declared = {name: parts.tool(written) for name, written in tools_written.items()}
    signals = {name: parts.signal(written) for name, written in (data.get("signals") or {}).items()}
    migrate = parts.migrate(data)
    rare: dict[str, Any] = {"migrate": migrate} if migrate != Migrate() else {}
    if data.get("schedules"):
        rare["schedules"] = {name: parts.schedule(written) for name, written in data["schedules"].items()}
    view.definition = Definition(
        name=data.get("name") or _stem(document.path),
        start=root.start,
        nodes=nodes,
        label=str(data.get("version", "")),
        fields=fields,
        signals=signals,
        tools={name: tool for name, tool in declared.items() if tool is not None},
        catch=catch,
        upon=upon,
        upon_states=upon_states,
        groups=groups,
        limits=parts.limits(data),
        **rare,
    )
    if EXCEPTION not in states and any(mention.meant == EXCEPTION for mention in view.mentions):
        # What names it would be dropped by a resolver that adds it only afterwards.
        states[EXCEPTION] = DeclaredState(multi=True)
    view.definition = replace(view.definition, states=states)
    view.required_nodes = {
        mention.meant
        for mention in view.mentions
        if mention.role == "require" and mention.meant in nodes and mention.meant not in states
    }
    return view


def _stem(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1].split(".", 1)[0] or "graph"


Met = dict[str, tuple[Steps, dict[str, Any]]]


class Onward(NamedTuple):
    """The ways on from a node, and the texts that choose among them."""

    edges: tuple[Edge, ...]
    texts: tuple[Text, ...] = ()


class _Lowering:
    """One walk over the nodes of a document, outermost first."""

    def __init__(self, view: View, fields: dict[str, Any]) -> None:
        self.view, self.fields = view, fields
        self.policies: dict[bytes, Retry] = {}
        self.met: Met = {}
        """Bodies that stand where a target of the node may that is being lowered, by the ids of their nodes."""

    def region(self, name: str, owner: str, steps: Steps, data: dict[str, Any], local: frozenset[str]) -> Region:
        """Lower the nodes of the graph or of a body that has `nodes`."""
        region = self.view.regions[name] = Region(name, owner, steps, local, single=False)
        prefix = f"{name}." if name else ""
        nodes: dict[str, dict[str, Any]] = data.get("nodes") or {}
        below = (*steps, "nodes")
        region.names = {node: prefix + node for node in (*nodes, *map(str, self.view.lost(*below)))}
        start = data.get("start")
        if start is None:
            region.start = region.names.get(next(iter(nodes), ""), "")
            region.assumed = len(region.names) > 1
        else:
            region.start = resolve_start(self.view, region, start, (*steps, "start"))
        for node, written in nodes.items():
            self.node(prefix + node, region, (*below, node), written)
        return region

    def body(self, name: str, owner: str, steps: Steps, data: dict[str, Any], local: frozenset[str]) -> Region:
        """Lower one body: a region with nodes, or one node that is a region."""
        if "nodes" in data:
            return self.region(name, owner, steps, data, local)
        region = self.view.regions[name] = Region(name, owner, steps, local, single=True)
        region.start = name
        self.node(name, region, steps, data)
        return region

    def node(self, name: str, region: Region, steps: Steps, data: dict[str, Any], onward: Onward | None = None) -> None:
        """Lower one node, what is in its bodies, and its handlers. `onward`: its ways on are those of another one."""
        texts: list[Text] = []
        verb: Verb = "all" if "nodes" in data else next((verb for verb in _VERBS if verb in data), "pass")
        given: dict[str, Any] = {}
        if "say" in data:
            given["say"] = self.saying(texts, data["say"], (*steps, "say"))
        if verb == "do":
            given["do"] = self.called(texts, data, steps, "enter")
        elif verb == "use":
            given["use"] = parts.use(data)
            self.template(texts, given["use"].fields, (*steps, "with"), "enter")
        elif verb == "ask":
            given["ask"] = parts.ask(data, self.fields)
            verb = verb if given["ask"] is not None else "pass"
        elif verb == "end":
            given["end"] = end = parts.end(data)
            if end.result is not None:
                texts.append(Text("expression", end.result, (*steps, "end", "result"), "route"))
        elif verb == "wait":
            given["wait"] = self.wait(texts, data["wait"], (*steps, "wait"))
        elif verb == "emit":
            given["emit"] = self.emission(texts, data["emit"], (*steps, "emit"))
        elif verb in ("all", "race", "each"):
            given["join"] = parts.join(data)
            if verb == "each":
                given["each"] = parts.each(data)
                texts.append(Text("expression", given["each"].items, (*steps, "each", "in"), "enter", LIST))
        for key in ("timeout", "deadline", "heartbeat"):
            if key in data:
                given[key] = parts.seconds(data, key)
        if "retry" in data:
            given["retry"] = self.policy(data)
        if "undo" in data:
            given["undo"] = self.undo(texts, data["undo"], (*steps, "undo"))
        if "remind" in data:
            call, said = self.beside(texts, data["remind"], (*steps, "remind"))
            given["remind"] = parts.remind(data["remind"], call, said)
        if "escalate" in data:
            given["escalate"] = self.escalation(texts, data["escalate"], (*steps, "escalate"))
        if "save" in data:
            given["save"] = data["save"]
        if data.get("set"):
            for part, key in (("adds", "add"), ("removes", "remove")):
                if key in data["set"]:
                    given[part] = self.members("set", data["set"][key], (*steps, "set", key))
            given["set"] = self.writes(texts, data["set"].get("fields") or {}, (*steps, "set", "fields"))
        if "to" in data:
            given["to"] = self.edges(texts, region, data["to"], (*steps, "to"))
        if onward is not None and verb != "end":
            given["to"] = onward.edges
            texts += onward.texts
        for key in ("catch", "upon"):
            if data.get(key):
                given[key] = self.routes(region, data, steps, key, name)
        if data.get("upon"):
            given["upon_states"] = self.reactions(region, data, steps, name)
        if data.get("commit"):
            given["commit"] = True
        site = Site(
            Node(id=name, verb=verb, region=region.id, **given), data, steps, region, texts, handles=onward is not None
        )
        self.view.sites[name] = site
        met, self.met = self.met, {}
        if verb in ("all", "race", "each"):
            self.bodies(site)
        if met:
            routing = [text for text in texts if text.phase == "route" and "to" in text.steps[len(steps) :]]
            edges = (Edge(END),) if verb == "end" else site.node.to
            self.handlers(met, region, onward or Onward(edges, tuple(routing)))

    def handlers(self, met: Met, region: Region, onward: Onward) -> None:
        """Lower the bodies that stand in the `catch` and `upon` of a node: nodes beside it, with its ways on."""
        for name, (steps, data) in met.items():
            self.node(name, region, steps, data, onward)

    def bodies(self, site: Site) -> None:
        """Lower the bodies of a node, and name them in it."""
        node, steps, region = site.node, site.steps, site.region
        made: list[Body] = []
        if "nodes" in site.data:
            body = self.region(node.id, node.id, steps, site.data, region.locals)
            made.append(Body("", body.id, body.start))
        elif node.each is not None:
            local = region.locals | {node.each.item, "index"}
            body = self.body(f"{node.id}[]", node.id, (*steps, "each"), site.data["each"], local)
            made.append(Body("", body.id, body.start))
        else:
            for name, written in site.data[node.verb].items():
                body = self.body(f"{node.id}.{name}", node.id, (*steps, node.verb, name), written, region.locals)
                made.append(Body(name, body.id, body.start))
        site.node = replace(node, bodies=tuple(made))

    def saying(self, texts: list[Text], data: Any, steps: Steps) -> Saying:
        """`say`: a text, one in several languages, or a list of such."""
        if not isinstance(data, list):
            self.template(texts, data, steps, "enter")
            return cast("Worded", data)
        said = []
        for place, written in enumerate(data):
            here = (*steps, place)
            part = written if isinstance(written, dict) else {"say": written}
            when = part.get("if")
            if when is not None:
                when = parts.expression(when)
                texts.append(Text("expression", when, (*here, "if"), "enter", BOOLEAN))
            self.template(texts, part["say"], here if isinstance(written, str) else (*here, "say"), "enter")
            said.append(Part(part["say"], when))
        return tuple(said)

    def called(self, texts: list[Text], data: dict[str, Any], steps: Steps, phase: Phase) -> Call:
        """`do` and `with`, here or in an undo."""
        call = parts.call(data)
        if "{{" in call.tool:
            place = (*steps, "do") if isinstance(data["do"], str) else (*steps, "do", "tool")
            texts.append(Text("template", call.tool, place, phase))
        if call.args:
            self.template(texts, call.args, (*steps, "with"), phase)
        return call

    def policy(self, data: dict[str, Any]) -> Retry | None:
        """`retry`; a document has a few that it repeats."""
        written = data.get("retry")
        if written is None:
            return None
        key = msgspec.json.encode(written)
        known = self.policies.get(key)
        if known is None:
            known = self.policies[key] = parts.retry(written)
        return known

    def undo(self, texts: list[Text], data: dict[str, Any], steps: Steps) -> Undo | None:
        """`undo`, whose arguments are read when the node has completed."""
        if "do" not in data:
            return None
        return Undo(self.called(texts, data, steps, "done"), self.policy(data), parts.seconds(data, "timeout"))

    def wait(self, texts: list[Text], data: dict[str, Any], steps: Steps) -> Wait:
        """`wait`: one form of it."""
        given: dict[str, Any] = {}
        if data.get("states"):
            given["states"] = self.members("wait", data["states"], (*steps, "states"))
        if "time" in data:
            given["time"] = parts.seconds(data, "time")
        if "until" in data:
            given["until"] = data["until"]
            self.template(texts, data["until"], (*steps, "until"), "enter")
        if "if" in data:
            given["condition"] = text = parts.expression(data["if"])
            texts.append(Text("expression", text, (*steps, "if"), "enter", BOOLEAN))
        return Wait(signal=data.get("signal", ""), **given)

    def beside(self, texts: list[Text], data: dict[str, Any], steps: Steps) -> tuple[Call | None, Saying | None]:
        """What is called or said beside a node that waits. It is read later, when what is set as it is entered still is."""
        said = self.saying(texts, data["say"], (*steps, "say")) if "say" in data else None
        return (self.called(texts, data, steps, "enter") if "do" in data else None), said

    def escalation(self, texts: list[Text], data: Any, steps: Steps) -> tuple[Escalation, ...]:
        """`escalate`: one step, or a list of them."""
        made = []
        for place, written in enumerate(data if isinstance(data, list) else [data]):
            call, said = self.beside(texts, written, (*steps, place) if isinstance(data, list) else steps)
            made.append(parts.escalation(written, call, said))
        return tuple(made)

    def emission(self, texts: list[Text], data: dict[str, Any], steps: Steps) -> Emission:
        """`emit`: whom a signal is for and what it carries are read when the node acts."""
        emission = parts.made(Emission, signal=data["signal"], to=data["to"], data=data.get("with") or {})
        self.template(texts, emission.to, (*steps, "to"), "enter")
        self.template(texts, emission.data, (*steps, "with"), "enter")
        return emission

    def writes(self, texts: list[Text], data: dict[str, Value], steps: Steps) -> dict[str, str]:
        """`set.fields`: each expression gives what its field takes."""
        written = {}
        for name, value in data.items():
            written[name] = text = parts.expression(value)
            texts.append(Text("expression", text, (*steps, name), "set", self.view.fields.get(name)))
        return written

    def edges(self, texts: list[Text], region: Region, data: Any, steps: Steps) -> tuple[Edge, ...]:
        """`to`: one name, or a list in which the first condition that holds wins."""
        if isinstance(data, str):
            to = resolve(self.view, region, data, steps)
            return () if to is None else (Edge(to),)
        edges = []
        for index, written in enumerate(data if isinstance(data, list) else [data]):
            here = (*steps, index) if isinstance(data, list) else steps
            edge = {"to": written} if isinstance(written, str) else written
            when = edge.get("if")
            if when is not None:
                when = parts.expression(when)
                texts.append(Text("expression", when, (*here, "if"), "route", BOOLEAN))
            if "to" in edge:
                place = here if isinstance(written, str) else (*here, "to")
                to = resolve(self.view, region, edge["to"], place)
                if to is not None:
                    edges.append(Edge(to, when, bool(edge.get("undo", False))))
        return tuple(edges)

    def routes(self, region: Region, data: dict[str, Any], steps: Steps, key: str, owner: str = "") -> dict[str, str]:
        """`catch` or `upon`: code or signal -> target."""
        routes, mark = {}, CAUGHT if key == "catch" else SIGNALLED
        for word, way in (data.get(key) or {}).items():
            if word != "states" or key == "catch":  # `states` of `upon` is no signal
                to = self.way(region, way, (*steps, key, word), f"{owner}{mark}{word}")
                if to is not None:
                    routes[word] = to
        return routes

    def reactions(self, region: Region, data: dict[str, Any], steps: Steps, owner: str = "") -> dict[str, str]:
        """`upon.states`: state -> target."""
        written = (data.get("upon") or {}).get("states")
        routes = {}
        for name, way in written.items() if isinstance(written, dict) else ():
            place = (*steps, "upon", "states", name)
            to = self.way(region, way, place, f"{owner}{BECOME}{name}")
            state = self.mention("upon", name, place, key=True)
            if to is not None and state is not None:
                routes[state] = to
        return routes

    def way(self, region: Region, written: str | dict[str, Any], steps: Steps, name: str) -> str | None:
        """A target, or a body: then the node of this name, which is yet to be lowered."""
        if isinstance(written, str):
            return resolve(self.view, region, written, steps)
        self.met[name] = steps, written
        return name

    def members(self, role: Role, names: Collection[str], steps: Steps) -> tuple[str, ...]:
        """A list of states, each once, without what means none."""
        meant = [self.mention(role, name, (*steps, place)) for place, name in enumerate(names)]
        return tuple(dict.fromkeys(name for name in meant if name is not None))

    def mention(
        self, role: Role, name: str, steps: Steps, *, holder: Declared | None = None, key: bool = False
    ) -> str | None:
        """The state that a name means, or its best guess; noted for the rules."""
        meant, sound = resolve_state(self.view, name, role)
        self.view.mentions.append(Mention(name, role, steps, meant, sound=sound, holder=holder, key=key))
        return meant

    def state(self, declared: Declared) -> DeclaredState:
        """A declared state, with a node for each of `entered` and `exited`."""
        data, definition = declared.data, declared.definition
        given: dict[str, Any] = {}
        for role in _RELATIONS:
            names = data.get(role, ()) if definition is None else getattr(definition, role)
            meant = [
                self.mention(role, name, declared.at(role, place), holder=declared) for place, name in enumerate(names)
            ]
            given[role] = tuple(name for name in meant if name is not None)
        for mark in ("auto", "multi"):
            given[mark] = bool(data.get(mark)) if definition is None else getattr(definition, mark)
        given["tags"] = tuple(data.get("tags", ()))
        for key in ("enter_if", "exit_if"):
            if data.get(key) is not None:
                given[key] = parts.expression(data[key])
                declared.guards.append(Text("expression", given[key], declared.at(key), "route", BOOLEAN))
        self.view.texts += declared.guards
        for key in ("entered", "exited"):
            if key in data:
                given[key] = name = f"{declared.name}.{key}"
                steps = declared.at(key)
                region = Region(name, "", steps, frozenset(), single=True, state=declared.name)
                self.view.regions[name], region.start = region, name
                self.node(name, region, steps, data[key])
        declared.state = DeclaredState(**given)
        return declared.state

    def template(self, texts: list[Text], value: Value, steps: Steps, phase: Phase) -> None:
        """Note every text with `{{` in a value."""
        if isinstance(value, str):
            if "{{" in value:
                texts.append(Text("template", value, steps, phase))
            return
        below: Iterable[tuple[Step, Value]] = ()
        if isinstance(value, dict):
            below = value.items()
        elif isinstance(value, list):
            below = enumerate(value)
        for step, part in below:
            if isinstance(part, str):
                if "{{" in part:
                    texts.append(Text("template", part, (*steps, step), phase))
            elif isinstance(part, dict | list):
                self.template(texts, part, (*steps, step), phase)
