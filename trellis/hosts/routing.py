"""What performs the calls of a graph on a host, found before anything of it starts."""

from __future__ import annotations

import os
from collections.abc import Collection

from trellis.dispatch import Dispatcher, Router
from trellis.errors import NoTransactions, PermissionNeeded, UnknownTool
from trellis.model.graph import Graph
from trellis.model.problems import did_you_mean
from trellis.stores.base import Store


def router_of(graph: Graph, dispatcher: Dispatcher, allow: Collection[str], store: Store) -> Router:
    """The router of a graph; what the graph uses can be driven here too.

    Raises UnknownTool, PermissionNeeded, NoTransactions.
    """
    for used in graph.all_used() if graph.definition.uses else ():
        _alone(used, dispatcher, allow, store)
    return _alone(graph, dispatcher, allow, store)


def _alone(graph: Graph, dispatcher: Dispatcher, allow: Collection[str], store: Store) -> Router:
    base = os.path.dirname(graph.source) or os.getcwd()
    router = dispatcher.bind(graph.definition.tools, base=base, allow=allow)
    called = list(dict.fromkeys(graph.tools_called))
    unknown = router.unknown(name for name in called if "{{" not in name)
    if unknown:
        known = {*graph.definition.tools, *dispatcher.names}
        raise UnknownTool(graph.name, unknown, did_you_mean(unknown[0], known))
    alone = [name for name in called if router.effect(name) == "transactional"]
    if alone and not hasattr(store, "transaction"):
        raise NoTransactions(alone[0], store.url)
    forbidden = router.forbidden(called)
    if forbidden:
        raise PermissionNeeded(*next(iter(forbidden.items())))
    return router
