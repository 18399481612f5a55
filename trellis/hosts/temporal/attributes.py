"""What runs are found by on Temporal: their indexed fields, as words `name=value` of one search attribute, and whether they ask.

Search attributes are never encrypted, so no secret is in one. Each change is an event of the history: a run without
indexed fields and without questions has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import msgspec
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, SearchAttributeUpdate, TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from trellis.engine import State
from trellis.engine.program import program_of
from trellis.engine.replay import start_fields
from trellis.errors import StoreUnavailable
from trellis.hosts.rows import indexed
from trellis.model.actions import RequestInput
from trellis.model.graph import Graph
from trellis.model.secrets import sealed_names
from trellis.model.values import Value, canonical, digest

FIELDS = SearchAttributeKey.for_keyword_list("TrellisFields")
STATUS = SearchAttributeKey.for_keyword("TrellisStatus")
"""`asking` while a question is open, `running` after it; once the run has ended, its status where Temporal's own does not tell."""
ASKING = "asking"
LONGEST = 100
"""Bytes that a word may have; of a longer one, the beginning stands with a sum of the whole."""
MOST = 1_800
"""Bytes of all words together, of the 2 KiB that a server takes; runs are not found by the fields that come after them."""
_OPENING = ("[", "{")
_ESCAPED = frozenset("%\"'\\")
_KINDS = {
    FIELDS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
    STATUS.name: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
}


class Shown:
    """What of one run is in its search attributes, and what has to change in them as it goes on."""

    __slots__ = ("_fields", "_open", "_status", "_words")

    def __init__(self, known: TypedSearchAttributes) -> None:
        self._words: Sequence[str] = known.get(FIELDS) or ()
        self._status = known.get(STATUS)
        self._fields: dict[str, Value] | None = None
        self._open: Mapping[str, Any] | None = None

    def changes(self, graph: Graph, state: State) -> list[SearchAttributeUpdate[Any]]:
        """The updates for the state of now; they count as made."""
        updates: list[SearchAttributeUpdate[Any]] = []
        if state.fields is not self._fields:
            self._fields = state.fields
            now = words(graph, state.fields)
            if now != list(self._words):
                self._words = now
                updates.append(FIELDS.value_set(now))
        if state.open is not self._open or state.closed:
            self._open = state.open
            status = self._status_of(state)
            if status != self._status:
                self._status = status
                updates.append(STATUS.value_unset() if status is None else STATUS.value_set(status))
        return updates

    def _status_of(self, state: State) -> str | None:
        if state.closed:  # that it completed or failed, Temporal tells
            return self._status if state.status in ("completed", "failed") else state.status
        if any(isinstance(pending.request, RequestInput) for pending in state.open.values()):
            return ASKING
        return None if self._status is None else "running"


def first(graph: Graph, given: Mapping[str, Value]) -> TypedSearchAttributes:
    """The search attributes that a run starts with, by its start values: they cost no event.

    Raises FieldsNeeded, InvalidField.
    """
    if not indexed(graph):
        return TypedSearchAttributes.empty
    found = words(graph, start_fields(program_of(graph), dict(given)))
    return TypedSearchAttributes([SearchAttributePair(FIELDS, found)] if found else [])


def words(graph: Graph, fields: Mapping[str, Value]) -> list[str]:
    """The words of the indexed fields that have a value, as far as there is room."""
    found, room = list[str](), MOST
    for name in indexed(graph):
        value = fields.get(name)
        if value is None or sealed_names(value):
            continue
        made = word(name, value)
        room -= len(made.encode()) + 3
        if room < 0:
            break
        found.append(made)
    return found


def word(name: str, value: Value) -> str:
    """The word that stands for a value that is not null: a text as it is where it reads as nothing else, all else as JSON.

    Values that are equal as JSON is have the same word. What the queries of some servers cannot say is `%` and hex digits.
    """
    if isinstance(value, str):
        text = _escaped(value)
        if value[:1] in _OPENING or _reads_otherwise(text):
            text = f"%{ord(value[0]):02X}{_escaped(value[1:])}"
    else:
        text = _escaped(canonical(_plain(value)).decode())
    made = f"{name}={text}"
    data = made.encode()
    if len(data) <= LONGEST:
        return made
    return f"{data[: LONGEST - 17].decode(errors='ignore')}…{digest(data)[:14]}"


def read(found: Iterable[str]) -> dict[str, Value]:
    """The fields that words tell; of one that was too long, the beginning."""
    fields: dict[str, Value] = {}
    for text in found:
        name, _, value = text.partition("=")
        try:
            fields[name] = msgspec.json.decode(unquote(value) if value[:1] in _OPENING else value)
        except msgspec.DecodeError:
            fields[name] = unquote(value)
    return fields


def wanted(match: Mapping[str, Value]) -> str:
    """The condition of a visibility query for the runs whose indexed fields have these values; null is for who asks to judge.

    Words that were cut, or had no room, may stand for others: who asks looks again where it matters.
    """
    return " AND ".join(f"{FIELDS.name} = '{word(name, value)}'" for name, value in match.items() if value is not None)


async def register(client: Client) -> None:
    """Have the namespace know the search attributes. Raises StoreUnavailable where they are missing and may not be added."""
    where = f"temporal://{client.service_client.config.target_host}/{client.namespace}"
    operator, namespace = client.operator_service, client.namespace
    try:
        known = (
            await operator.list_search_attributes(ListSearchAttributesRequest(namespace=namespace))
        ).custom_attributes
    except RPCError as error:
        if error.status not in (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNIMPLEMENTED):
            raise StoreUnavailable(where, f"its search attributes cannot be read: {error.message}") from error
        return  # a server that tells nobody; where one is missing, it says so to whoever uses it
    other = [name for name, kind in _KINDS.items() if known.get(name, kind) != kind]
    if other:
        wanted_kind = _named(other[0])
        raise StoreUnavailable(
            where,
            f"its search attribute {other[0]} is of another type than {wanted_kind}; remove it, or name another namespace",
        )
    missing = {name: kind for name, kind in _KINDS.items() if name not in known}
    if not missing:
        return
    try:
        request = AddSearchAttributesRequest(namespace=namespace, search_attributes=missing)
        await operator.add_search_attributes(request)
    except RPCError as error:
        if error.status == RPCStatusCode.ALREADY_EXISTS:
            return  # somebody else was faster
        steps = " && ".join(
            f"temporal operator search-attribute create --namespace {namespace} --name {name} --type {_named(name)}"
            for name in missing
        )
        raise StoreUnavailable(
            where,
            f"it lacks search attributes, and does not let us add them ({error.message}); let an operator run: {steps}",
        ) from error


def _named(name: str) -> str:
    return "KeywordList" if name == FIELDS.name else "Keyword"


def _escaped(text: str) -> str:
    return "".join(
        f"%{ord(char):02X}" if char in _ESCAPED or char < " " else "%E2%99%A1" if char == "♡" else char for char in text
    )


def _reads_otherwise(text: str) -> bool:
    """Whether a text would be read as another value than itself."""
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    return True


def _plain(value: Value) -> Value:
    """The value with whole numbers as integers: 1 and 1.0 are equal."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return value
