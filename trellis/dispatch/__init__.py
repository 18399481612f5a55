"""One request, one attempt, one report: a dispatcher performs what it is asked once, and decides nothing.

The modules:

    router      tools by name: what is registered, what a document declares, what is allowed
    callables   a Python function as a tool          targets    "module:function" -> function
    process     a command line as a tool             child      one process group and its output
    threads     where functions that block run       reports    the wording of what went wrong
"""

from trellis.dispatch.router import Dispatcher as Dispatcher
from trellis.dispatch.router import Router as Router

__all__ = ["Dispatcher", "Router"]
