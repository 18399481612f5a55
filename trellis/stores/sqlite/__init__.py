"""The SQLite store: one file, many processes, one commit per call, each of them on the disk when the call returns.

    store        the face: who may use the connection when, inline or in the thread
    journal      the calls that write, each a transaction
    writing      turns: judged by what is known of the runs that are owned, and written
    reading      the queries
    acting       the transaction that an action shares with the event that records it
    fields       indexed fields as SQLite values
    transaction  one commit, or none
    schema       opening a file: whose it is, its format, its settings
    faults       what SQLite reports -> the tree of errors

Only this package imports apsw.
"""

from trellis.stores.sqlite.store import SqliteStore as SqliteStore
