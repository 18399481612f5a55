"""The Redis store: one server, many hosts, one script per call. How durable it is, its server's settings decide.

    store       the face: what `Store` promises, one script for each call
    scripts     what is kept under which key, and the scripts
    rows        an index row as a text, and the sets in which it is found
    lease       who is alive: renewed by the server's clock
    post        messages to owners, by lists
    formats     which format is there, and how durable it is
    connection  the server: found by a URL, asked by scripts
    faults      what Redis reports -> the tree of errors

Only this package imports the library `redis`.
"""

from trellis.stores.redis.formats import inspect as inspect
from trellis.stores.redis.formats import migrate as migrate
from trellis.stores.redis.store import RedisStore as RedisStore
