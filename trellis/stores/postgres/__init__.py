"""The PostgreSQL store: one schema of a database, shared by the hosts of many machines.

    store        the face: what `Store` promises, one statement for each call that writes
    batches      turns of many runs as one call of a function in the database, and what came of each
    work         a transaction that actions write to
    statements   the SQL of the other calls
    lease        who is alive: one row for each owner, renewed by the server's clock
    post         messages to owners, by a table; NOTIFY only hints that there are some
    connections  the pool, and the settings without which nothing here holds
    schema       opening a schema: whose it is, its format, bringing it up
    place        what a URL says
    faults       what PostgreSQL reports -> the tree of errors

Only this package and the lockers' PostgreSQL module import psycopg.
"""

from trellis.stores.postgres.schema import inspect as inspect
from trellis.stores.postgres.schema import migrate as migrate
from trellis.stores.postgres.store import PostgresStore as PostgresStore
