"""Trellis runs workflows that people write as YAML; this is its public door, and opening it costs nothing.

The packages, in the order in which data flows:

    errors      what can go wrong, as one tree
    model       the words everyone speaks: documents, problems, graph, events, requests
    expr        expressions and text templates
    loaders     text -> located documents
    compiler    documents -> graph
    project     files -> graphs
    authoring   files as they are written -> edits: formatting, renaming
    editor      documents as they are typed -> what may stand there, what it means; schemas for editors
    machine     relation machines inside a program: handlers, queue, waits
    engine      graph + state + event -> state + requests
    stores      events -> journal
    dispatch    one request -> one attempt -> one report
    render      graph + state -> pictures
    pages       code of a problem -> what it means
    hosts       close the loop: apply, append, dispatch
    testing     promises of the ports, as suites; a clock to turn by hand
    cli         the command line

Names below are imported when first asked for, so `import trellis` loads nothing else.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from trellis.dispatch import Dispatcher as Dispatcher
    from trellis.errors import ActionError as ActionError
    from trellis.errors import InvalidGraph as InvalidGraph
    from trellis.errors import TrellisError as TrellisError
    from trellis.errors import Unreadable as Unreadable
    from trellis.hosts.approving import ASK as ASK
    from trellis.hosts.local import Host as Host
    from trellis.hosts.proposals import Proposal as Proposal
    from trellis.hosts.run import Outcome as Outcome
    from trellis.hosts.short import run as run
    from trellis.machine import AsyncMachine as AsyncMachine
    from trellis.machine import Machine as Machine
    from trellis.machine import Result as Result
    from trellis.model.actions import Denied as Denied
    from trellis.model.graph import Graph as Graph
    from trellis.project import FileLoader as FileLoader
    from trellis.project import MemoryLoader as MemoryLoader
    from trellis.project import Reload as Reload
    from trellis.project import load as load

__version__ = "0.1.0"

__all__ = [
    "load",
    "FileLoader",
    "MemoryLoader",
    "Reload",
    "run",
    "Graph",
    "Host",
    "Outcome",
    "Dispatcher",
    "Machine",
    "AsyncMachine",
    "Result",
    "Proposal",
    "Denied",
    "ASK",
    "ActionError",
    "InvalidGraph",
    "Unreadable",
    "TrellisError",
    "__version__",
]

_HOMES = {
    "load": "trellis.project",
    "FileLoader": "trellis.project",
    "MemoryLoader": "trellis.project",
    "Reload": "trellis.project",
    "run": "trellis.hosts.short",
    "Graph": "trellis.model.graph",
    "Host": "trellis.hosts.local",
    "Outcome": "trellis.hosts.run",
    "Dispatcher": "trellis.dispatch",
    "Machine": "trellis.machine",
    "AsyncMachine": "trellis.machine",
    "Result": "trellis.machine",
    "Proposal": "trellis.hosts.proposals",
    "Denied": "trellis.model.actions",
    "ASK": "trellis.hosts.approving",
    "ActionError": "trellis.errors",
    "InvalidGraph": "trellis.errors",
    "Unreadable": "trellis.errors",
    "TrellisError": "trellis.errors",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home and keep it. Raises AttributeError for a name that is not public."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'trellis' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
