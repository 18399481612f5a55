"""A run moves to another version of its graph when it is proved that its position, fields and pending work exist there.

The modules, in the order in which data flows:

    verdict   what is found, and what it comes to
    names     what became of the names of the old version in the new one
    texts     which names the texts of a node read, and when
    unset     which fields may be read before anything writes them
    fields    the fields, as the new version has them
    position  the tokens: verbs, bodies, joins, timers, calls
    pending   what is kept for later: undo, signals, marks
    active    the declared states
    moving    the state as the new version has it
"""

from trellis.engine.versions.moving import adopt as adopt
from trellis.engine.versions.moving import compare as compare
from trellis.engine.versions.verdict import Verdict as Verdict
