"""The pure core: (graph, state, event) -> state, requests, trace. No clock, no randomness, no I/O."""

from trellis.engine.apply import apply as apply
from trellis.engine.replay import fold as fold
from trellis.engine.replay import fold_from as fold_from
from trellis.engine.replay import replay as replay
from trellis.engine.replay import start as start
from trellis.engine.state import State as State
from trellis.engine.state import Step as Step
