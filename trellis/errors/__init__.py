"""Every error that Trellis raises on purpose; each carries facts, and composes its text from them once.

    TrellisError
    ├── InvalidGraph          the documents have problems; all of them, with their places
    ├── Unreadable            a loader has no document of that name, or cannot reach it
    ├── ExpressionError       an expression could not be evaluated on this data
    ├── ReplayError           a journal does not follow from its definition
    ├── ActionError           raised by an action to say how it failed; routes to `catch`
    ├── UsageError            the caller asked for what cannot be
    │   ├── UnknownRun        no run has that id
    │   ├── RunConflict       that id belongs to a run of another graph
    │   ├── RunTaken          that id belongs to a run that somebody else started, and is wanted for a child run
    │   ├── StartedOtherwise  that id belongs to a run with other start values
    │   ├── InvalidLocale     a text that is no language tag
    │   ├── InvalidRunId      a text that cannot be the id of a run
    │   ├── InvalidRequestId  a text that cannot be the id of the request that starts one
    │   ├── RunClosed         the run has ended
    │   ├── Refused           an answer, signal or cancel that the run did not take; nothing changed
    │   ├── FieldsNeeded      fields that some path reads before any write
    │   ├── InvalidField      a value that its field does not take
    │   ├── PermissionNeeded  a tool whose kind was not allowed
    │   ├── NoTransactions    a tool that writes in the store's transactions, and a store without them
    │   ├── UnknownTool       a tool that nobody declares or registers
    │   ├── SecretsNeeded     secrets that a resumed run needs again
    │   ├── TooManyRuns       as many runs are open as the host allows; none was started
    │   ├── AnswerNeeded      a question, and no more answers
    │   └── SignalNeeded      a wait for states that nothing of the run itself can bring
    ├── MachineError          a relation machine could not do what was asked
    │   ├── BadSchema         states or an order that cannot become a machine; `faults` holds every one
    │   ├── UnknownState      a name that is no state of the machine; nothing changed
    │   ├── UnknownHandler    a handler that no state would ever call; nothing was bound
    │   ├── BadHandlers       an object that has no handlers; nothing was bound
    │   ├── BadArguments      arguments that a called state does not take; nothing changed
    │   ├── WrongThread       a mutation from a thread that does not own the machine; nothing changed
    │   ├── AsyncHandler      a handler that must be awaited, on a machine that does not wait
    │   ├── HandlerCancelled  a handler was cancelled by something that it awaited
    │   ├── HandlerTimeout    a handler ran longer than its machine allows
    │   ├── ExceptionFailed   a handler of the state Exception raised itself
    │   ├── LoopLimit         one call led to more transitions than its machine allows
    │   ├── BadImport         an export that a machine cannot go on from; nothing changed
    │   ├── Runaway           a guarded loop moved its machine too fast, or lost its state
    │   ├── WaitedTooLong     waits that did not come in time
    │   ├── BadTracer         an object that cannot watch a machine; nothing was bound
    │   ├── TracerFailed      a tracer raised; the machine went on without minding
    │   └── BadHistory        a history was asked to keep or to find what it cannot
    ├── HostClosed            the host was closed before the run ended
    └── StoreError            the store could not do what was asked; nothing was written
        ├── StoreUnavailable  it cannot be opened or reached
        ├── StoreTooNew       it was written by a newer version
        ├── StoreTooOld       it waits for `trellis db migrate`
        ├── LeaseLost         a lock was not renewed in time, and may be another's
        ├── StoreCorrupt      what it holds cannot be read
        ├── StoreFull         no room is left
        ├── RunOwned          a living host owns that run
        └── Conflict          the journal is not where the writer thought

An error that ends a command line knows its exit code.
"""

from __future__ import annotations

from trellis.errors.machines import AsyncHandler as AsyncHandler
from trellis.errors.machines import BadArguments as BadArguments
from trellis.errors.machines import BadHandlers as BadHandlers
from trellis.errors.machines import BadHistory as BadHistory
from trellis.errors.machines import BadImport as BadImport
from trellis.errors.machines import BadSchema as BadSchema
from trellis.errors.machines import BadTracer as BadTracer
from trellis.errors.machines import ExceptionFailed as ExceptionFailed
from trellis.errors.machines import HandlerCancelled as HandlerCancelled
from trellis.errors.machines import HandlerTimeout as HandlerTimeout
from trellis.errors.machines import LoopLimit as LoopLimit
from trellis.errors.machines import MachineError as MachineError
from trellis.errors.machines import Runaway as Runaway
from trellis.errors.machines import TracerFailed as TracerFailed
from trellis.errors.machines import UnknownHandler as UnknownHandler
from trellis.errors.machines import UnknownState as UnknownState
from trellis.errors.machines import WaitedTooLong as WaitedTooLong
from trellis.errors.machines import WrongThread as WrongThread
from trellis.errors.root import ActionError as ActionError
from trellis.errors.root import ExpressionError as ExpressionError
from trellis.errors.root import InvalidGraph as InvalidGraph
from trellis.errors.root import Located as Located
from trellis.errors.root import ReplayError as ReplayError
from trellis.errors.root import TrellisError as TrellisError
from trellis.errors.root import Unreadable as Unreadable
from trellis.errors.root import UsageError as UsageError
from trellis.errors.runs import AnswerNeeded as AnswerNeeded
from trellis.errors.runs import FieldsNeeded as FieldsNeeded
from trellis.errors.runs import HostClosed as HostClosed
from trellis.errors.runs import InvalidField as InvalidField
from trellis.errors.runs import InvalidLocale as InvalidLocale
from trellis.errors.runs import InvalidRequestId as InvalidRequestId
from trellis.errors.runs import InvalidRunId as InvalidRunId
from trellis.errors.runs import NoTransactions as NoTransactions
from trellis.errors.runs import PermissionNeeded as PermissionNeeded
from trellis.errors.runs import Refused as Refused
from trellis.errors.runs import RunClosed as RunClosed
from trellis.errors.runs import RunConflict as RunConflict
from trellis.errors.runs import RunTaken as RunTaken
from trellis.errors.runs import SecretsNeeded as SecretsNeeded
from trellis.errors.runs import SignalNeeded as SignalNeeded
from trellis.errors.runs import StartedOtherwise as StartedOtherwise
from trellis.errors.runs import TooManyRuns as TooManyRuns
from trellis.errors.runs import UnknownRun as UnknownRun
from trellis.errors.runs import UnknownTool as UnknownTool
from trellis.errors.stores import Conflict as Conflict
from trellis.errors.stores import LeaseLost as LeaseLost
from trellis.errors.stores import RunOwned as RunOwned
from trellis.errors.stores import StoreCorrupt as StoreCorrupt
from trellis.errors.stores import StoreError as StoreError
from trellis.errors.stores import StoreFull as StoreFull
from trellis.errors.stores import StoreTooNew as StoreTooNew
from trellis.errors.stores import StoreTooOld as StoreTooOld
from trellis.errors.stores import StoreUnavailable as StoreUnavailable
