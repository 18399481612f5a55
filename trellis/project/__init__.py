"""Files to graphs: the one meeting of loaders and compiler.

`files` knows where files are and how they are read, `including` which others a document names, `cache` keeps what was
compiled once, `loading` brings them together with loaders and compiler, which it imports only when a file has to be
compiled.
"""

from trellis.project.files import find_root as find_root
from trellis.project.loading import load as load
from trellis.project.loading import load_states as load_states
from trellis.project.loading import validate as validate

__all__ = ["find_root", "load", "load_states", "validate"]
