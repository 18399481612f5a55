"""History of a machine: a tracer that keeps a record of transitions, in memory or in SQLite, and answers questions.

records   what is kept
tracking  which transitions are kept, and what of them
query     what may be asked, and which record is an answer
base      what both kinds of history do
memory    a ring in this process
sqlite    a file, found again when it is opened again
"""

from trellis.machine.history.base import History as History
from trellis.machine.history.memory import MemoryHistory as MemoryHistory
from trellis.machine.history.query import Bound as Bound
from trellis.machine.history.query import Query as Query
from trellis.machine.history.records import MachineRecord as MachineRecord
from trellis.machine.history.records import Record as Record
from trellis.machine.history.records import TransitionFacts as TransitionFacts
from trellis.machine.history.tracking import Tracking as Tracking
