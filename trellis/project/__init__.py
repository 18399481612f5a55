"""Files to graphs: the one meeting of loaders and compiler.

    files      where files are and how they are read
    loaders    the port: octets by name, from files, from memory, from a host
    watching   which files change
    writing    files that are there whole or not at all
    readings   documents as they are written, kept by content
    including  the documents that a document names
    using      the graphs that a graph uses
    workspace  readings and compilations, kept by content
    live       graphs that stay sound while their documents change
    cache      compiled graphs, kept between processes
    loading    a path or a name becomes a graph, or all its problems
    showing    how a graph shows itself in a notebook

Loaders and compiler are imported only when a document has to be compiled.
"""

from trellis.project import showing as showing
from trellis.project.files import find_root as find_root
from trellis.project.loaders import FileLoader as FileLoader
from trellis.project.loaders import Loader as Loader
from trellis.project.loaders import MemoryLoader as MemoryLoader
from trellis.project.loaders import Reload as Reload
from trellis.project.loading import load as load
from trellis.project.loading import load_states as load_states
from trellis.project.loading import validate as validate
from trellis.project.workspace import Compilation as Compilation
from trellis.project.workspace import Workspace as Workspace

__all__ = [
    "Compilation",
    "FileLoader",
    "Loader",
    "MemoryLoader",
    "Reload",
    "Workspace",
    "find_root",
    "load",
    "load_states",
    "validate",
]
