"""Projects of aretw0/trellis become graphs of ours: pure translation, from the bytes of their files to one text.

files    files -> nodes and tools
plans    a node -> what it does
survey   all plans: what is reached, what is called how, what is set where
gotext   Go templates, as trees
saying   those trees in our expressions
answers  what edges compare
tools    tools and programs
types    fields and their types
graph    the document
writing  the document as YAML
"""

from trellis.loaders.aretw0.files import EXTENSIONS as EXTENSIONS
from trellis.loaders.aretw0.files import Note as Note
from trellis.loaders.aretw0.graph import Imported as Imported
from trellis.loaders.aretw0.graph import convert as convert

__all__ = ["EXTENSIONS", "Imported", "Note", "convert"]
