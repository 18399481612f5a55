"""A project of theirs becomes one document of ours, and a list of what could not be kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from trellis.loaders.aretw0.answers import Answer, settled, wrapped
from trellis.loaders.aretw0.files import Note, read_project
from trellis.loaders.aretw0.gotext import Broken, Unsayable
from trellis.loaders.aretw0.names import Names
from trellis.loaders.aretw0.plans import ROLLBACK, Call, Plan
from trellis.loaders.aretw0.saying import Place, Said, argument, literal, say
from trellis.loaders.aretw0.survey import LAST, RESULT, Survey
from trellis.loaders.aretw0.tools import Tools
from trellis.loaders.aretw0.types import declare
from trellis.loaders.aretw0.writing import write_document

ANSWER = "input"


class Imported(msgspec.Struct, frozen=True):
    """The graph as text, and what is to be said of it. Where a note is a fault the graph does not run as it is."""

    text: str
    notes: tuple[Note, ...]


def convert(files: Mapping[str, bytes], folder: str) -> Imported:
    """Import a project, given its files by their paths with `/` and the name of its folder. Never raises."""
    project = read_project(files, folder)
    survey = Survey(project)
    document = _Writer(survey).document(folder)
    notes = tuple(dict.fromkeys(_weighed(note, survey) for note in project.notes))
    comments = [f"Imported from {_line(folder)}, a project of aretw0/trellis."]
    if notes:
        comments += ["", "What could not be kept as it was:", *(f"- {_line(str(note))}" for note in notes)]
    return Imported(write_document(document, comments), notes)


def _weighed(note: Note, survey: Survey) -> Note:
    """A file's fault stops nothing where no way leads to the file."""
    path = note.path.partition(":")[0]
    if note.fault and path in survey.unreached:
        return msgspec.structs.replace(note, text=f"left out: {note.text}", fault=False)
    return note


def _line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]+", " ", text)


class _Writer:
    """Writes the nodes; what they use on the way is declared after them."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._field, self._node_name = survey.field_names, survey.node_names
        self._signal = Names({"states"}, ".-")
        self._signals: dict[str, dict[str, Any]] = {}
        self._tools = Tools(survey.project.tools, survey.note)
        asks = any(made.ask and not made.save for made in survey.plans.values())
        self._answer = survey.field_names.fresh(ANSWER) if asks else ""
        self._fillers: dict[str, Any] = {}
        self._fields = declare(survey)  # first: the type of a field decides how it is asked for

    def document(self, folder: str) -> dict[str, Any]:
        """The whole document."""
        survey = self._survey
        nodes = {self._node_name(name): self._node(name, made) for name, made in survey.plans.items()} | self._fillers
        entry = survey.plans.get(survey.project.entry)
        upon = self._upon(entry.node.data.get("on_signal_default", {})) if entry else {}
        parts = {
            "fields": self._fields | ({self._answer: {"type": "any", "optional": True}} if self._answer else {}),
            "signals": self._signals, "tools": self._tools.declared, "upon": upon,
        }  # fmt: skip
        head = {"trellis": 1, "name": Names(more=".-").fresh(folder), "start": self._node_name(survey.project.entry)}
        return {**head, **{key: part for key, part in parts.items() if part}, "nodes": nodes}

    def _node(self, name: str, made: Plan) -> dict[str, Any]:
        survey, where = self._survey, made.node.path
        place = Place(self._field_of, survey.certain.get(name, ()))
        node: dict[str, Any] = {}
        if needs := [self._field(key) for key in _keys(made) if key in survey.given]:
            node["needs"] = list(dict.fromkeys(needs))
        try:
            text = say(made.text, place)
        except Unsayable as error:
            survey.note(where, f"{error} has no words here: the text is shown as it is written")
            text = made.text.replace("{{", "{{{{")
        except Broken as error:
            survey.note(where, f"Go refuses its text ({error}); as there, a run fails that comes here")
            return node | {"x-text": made.text, "to": "$fail"}
        if guards := self._guards(name, made):
            text = guards + (text or '{{ "" }}')  # one expression alone would be taken as it is, and not fail
        if text:
            node["say"] = text
        answer = self._act(made, node, place)
        return node | made.extra | self._ways(made, answer)

    def _field_of(self, key: str) -> str:
        return self._field("sys_ans" if key == LAST else key)

    def _guards(self, name: str, made: Plan) -> str:
        """A text that is empty, and fails the run where a key is not set that the node needs and some way has not."""
        missing = [key for key in _keys(made) if key not in self._survey.certain.get(name, ())]
        names = dict.fromkeys(self._field(key) for key in missing)
        return "".join(f'{{{{ "" if {field} != null else {field} }}}}' for field in names)

    def _act(self, made: Plan, node: dict[str, Any], place: Place) -> Answer:
        """The verb, with what it keeps. Gives what its edges compare."""
        kept = self._field(made.save) if made.save else ""
        if made.ask:
            field = kept or self._answer
            node["ask"] = {made.ask: field}
            if made.options:
                node["ask"]["options"] = made.options
            if made.default is not None:
                node["ask"]["default"] = made.default
            if made.timeout:
                node["timeout"] = made.timeout
            answer = Answer(made, field, "")
            written = {}
            if made.ask == "confirm":
                written[field] = f'"yes" if {field} else "no"'
            elif made.loose:  # an option is kept as it is written
                known = literal({option.strip().lower(): option for option in made.loose})
                written[field] = f"default({known}[lower(strip({field}))], {field})"
        elif made.do:
            result = self._field(RESULT)
            field = kept or result
            answer = Answer(made, field, result if made.save != RESULT else "")
            self._call(node, made.do, made.node.path, place)
            node["save"] = field
            written = {field: settled(field)} if kept else {}
            if made.save != RESULT:
                written[result] = wrapped(field, made.do.id)
        else:
            answer, written = Answer(made, "", ""), {}
        if made.undo and (made.ask or made.do):
            own = Said(answer.name, shown=literal(made.do.id) if made.do else '""')
            undo: dict[str, Any] = {}
            certain = {*place.certain, *([made.save] if made.save else [])}
            self._call(undo, made.undo, made.node.path, Place(place.field, certain, {RESULT: own} if made.do else {}))
            node["undo"] = undo
        if LAST in self._survey.read:
            written[self._field_of(LAST)] = answer.text(fresh=True)
        written |= self._fills(made, answer)
        if written:
            node["set"] = {"fields": written}
        return answer

    def _call(self, node: dict[str, Any], call: Call, where: str, place: Place) -> None:
        node["do"] = self._tools.name(call, where)
        if call.arguments:
            node["with"] = self._arguments(call.arguments, where, place)
        node |= self._tools.extra(call, where)

    def _arguments(self, value: Any, where: str, place: Place) -> Any:
        if isinstance(value, dict):
            return {str(key): self._arguments(part, where, place) for key, part in value.items()}
        if isinstance(value, list):
            return [self._arguments(part, where, place) for part in value]
        if not isinstance(value, str):
            return value
        try:
            return argument(value, place)
        except (Broken, Unsayable) as error:
            self._survey.note(where, f"the argument {value!r} is passed as it is written: {error}")
            return value.replace("{{", "{{{{")

    def _edges(self, made: Plan, answer: Answer, *, fresh: bool = False) -> list[tuple[str, str, str]]:
        """Condition, target and what was written of each way that is tried, in order, up to one that is always taken."""
        found = [
            (answer.holds(edge, fresh=fresh), edge.target, edge.condition or "")
            for edge in made.edges
            if edge.condition is not None
        ]
        if made.refused and (made.ask or made.do):
            found.append((answer.refuses(fresh=fresh), made.refused, ""))
        found += [("true", edge.target, "") for edge in made.edges if edge.condition is None][:1]
        always = next((place for place, (condition, *_) in enumerate(found) if condition == "true"), len(found))
        return found[: always + 1]

    def _ways(self, made: Plan, answer: Answer) -> dict[str, Any]:
        survey, where, ways = self._survey, made.node.path, dict[str, Any]()
        for key, routes in (("catch", made.catch), ("upon", None)):
            led = (
                self._upon(made.upon) if routes is None else {code: self._aside(to) for code, to in made.catch.items()}
            )
            if led:
                ways[key] = led
        edges: list[dict[str, Any]] = []
        for condition, target, source in self._edges(made, answer):
            to = self._target(target)
            if condition == "true":
                edges.append({"to": to})
            elif condition == "false":
                edges.append({"if": False, "to": to} | ({"x-condition": source} if source else {}))
                if source:
                    survey.note(where, f"the condition `{source}` never held there, and never does here")
            else:
                edges.append({"if": condition, "to": to})
        if any(edge.negated for edge in made.edges):
            survey.note(where, "`not` in a condition was read over there; it counts here")
        if not edges:
            ways["to"] = "$end"
        elif len(edges) == 1 and "if" not in edges[0]:
            ways["to"] = edges[0]["to"]
        elif not edges[-1].get("if") or not made.ask:
            ways["to"] = edges
        elif made.covered:  # no other answer is taken
            ways["to"] = [*edges[:-1], {"to": edges[-1]["to"]}]
        else:
            survey.note(where, "an answer that no way is for asks again by way of the node itself, text and all")
            ways["to"] = [*edges, {"to": self._node_name(made.node.id)}]
        return ways

    def _target(self, target: str) -> str:
        return self._survey.target(target)

    def _upon(self, signals: Mapping[str, Any]) -> dict[str, str]:
        led = {}
        for word, target in signals.items():
            name = self._signal(str(word))
            if name != "interrupt":
                self._signals[name] = {}
            led[name] = self._aside(str(target))
        return led

    def _aside(self, target: str) -> str:
        """Where a way leads that sets nothing: a step before the node writes what the node's defaults fill."""
        to = self._target(target)
        plans, found = self._survey.plans, self._survey.project.find(target)
        missing = self._to_fill(plans[found]) if found in plans and target != ROLLBACK else {}
        if not missing:
            return to
        name = f"{to}_filled"
        if name not in self._fillers:
            self._survey.note(
                plans[str(found)].node.path, f"'{name}' writes its defaults where an error or a signal leads there"
            )
            fields = {field: f"default({field}, {code})" for field, code in missing.items()}
            self._fillers[name] = {"set": {"fields": fields}, "to": to}
        return name

    def _to_fill(self, made: Plan) -> dict[str, str]:
        """Fields that the node fills when it is entered, each with its value; those of the entry are there from the start."""
        entry = self._survey.plans.get(self._survey.project.entry)
        if made is entry or entry is None:
            return {}
        there = {key for key, value in entry.fills.items() if value is not None}
        return {
            self._field(str(key)): literal(value)
            for key, value in made.fills.items()
            if key not in there and value is not None
        }

    def _fills(self, made: Plan, answer: Answer) -> dict[str, str]:
        """What the nodes behind fill, written as this node is left, under the condition of the way to them."""
        written: dict[str, str] = {}
        others: list[str] = []
        for condition, target, _ in self._edges(made, answer, fresh=True):
            found = self._survey.project.find(target) if target != ROLLBACK else None
            missing = self._to_fill(self._survey.plans[found]) if found in self._survey.plans else {}
            taken = [f"not ({other})" for other in others] + [f"({condition})"] * (condition not in ("true", "false"))
            for field, code in missing.items() if condition != "false" else ():
                if field == answer.name:
                    continue  # it is written here
                filled = f"default({field}, {code})"
                if not taken:
                    written[field] = filled if field not in written else f"default({written[field]}, {code})"
                else:
                    before = written.get(field, field)
                    written[field] = f"{filled} if {' and '.join(taken)} else ({before})"
            if condition not in ("true", "false"):
                others.append(condition)
        return written


def _keys(made: Plan) -> list[str]:
    """Keys that a node needs."""
    return [str(key) for key in (*made.required, *made.schema)]
