"""Which type a field has: what `context_schema` says where nothing but a start or a default writes it, else any."""

from __future__ import annotations

from typing import Any

from trellis.loaders.aretw0.survey import LAST, RESULT, Survey

_NAMES = {"string": "string", "int": "integer", "float": "number", "bool": "boolean"}
_KINDS = {"integer": "int", "number": "number"}


def declare(survey: Survey) -> dict[str, Any]:
    """The fields of the graph: null until something writes them, since a key that is not there was nothing special."""
    entry = survey.plans.get(survey.project.entry)
    begins = entry.fills if entry else {}
    types = _types(survey)
    fields: dict[str, Any] = {}
    if survey.given:
        names = " ".join(f"--set {survey.field_names(key)}=…" for key in sorted(survey.given))
        survey.note(survey.project.entry, f"only a start value can give what is needed: run it with {names}")
    for key, name in survey.field_names.given.items():
        field: dict[str, Any] = {"type": types.get(key, "any"), "optional": True}
        if begins.get(key) is not None:
            field["default"] = begins[key]
        fields[name] = field
    return fields


def _types(survey: Survey) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for made in survey.plans.values():
        for key, written in made.schema.items():
            try:
                wanted = _type(written)
            except ValueError:
                survey.note(made.node.path, f"`context_schema`: no type '{written}'", fault=True)
                continue
            if found.setdefault(key, wanted) != wanted:
                found[key] = "any"
                survey.note(made.node.path, f"'{key}' has two types; the field has any")
    for made in survey.plans.values():
        key = made.save
        if key in found and made.ask == "text" and found[key] in _KINDS:
            made.ask = _KINDS[found[key]]
        if key in found and not _takes(found[key], made.ask) and found[key] != "any":
            found[key] = "any"
            survey.note(made.node.path, f"`save_to: {key}`: the type of '{key}' is not checked")
    return {key: kind for key, kind in found.items() if key not in (LAST, RESULT)}


def _takes(kind: Any, ask: str) -> bool:
    return {"int": ("integer", "number"), "number": ("number",)}.get(ask, ("string",) if ask else ()).__contains__(kind)


def _type(written: Any) -> Any:
    if isinstance(written, list) and len(written) == 1:
        return [_type(written[0])]
    text = str(written).strip()
    if text.startswith("[") and text.endswith("]"):
        return [_type(text[1:-1])]
    if text not in _NAMES:
        raise ValueError(text)
    return _NAMES[text]
