"""Text becomes located JSON values of the right shape, or problems; every fault of a file is found in one pass.

    text     bytes -> characters
    fast     characters -> values, for the common document, in native code; it may decline
    judge    characters -> values and places, for every document: what it says holds
    events   what the judge reads: the parser's events
    syntax   the words for what is no YAML
    scalars  what a plain scalar means in YAML 1.2
    rules    the JSON Schema that ships with the package, prepared
    shape    values -> faults, by the rules
    places   where things stand, found once somebody asks
    kinds    what a document is, and which files it names
    reading  all of it, in order
    markdown front matter, and the text below it
    folders  the files of a folder -> one document
    aretw0   projects of another system, as documents of this one

A value that the schema knows nothing of is only held to be JSON: what it means is for the compiler to say.
"""

from trellis.loaders.kinds import Kind as Kind
from trellis.loaders.kinds import files_named as files_named
from trellis.loaders.kinds import kind_of as kind_of
from trellis.loaders.reading import Reading as Reading
from trellis.loaders.reading import read as read

__all__ = ["Kind", "Reading", "files_named", "kind_of", "read"]
