"""The SQLite store: one file, many processes, calls that meet share a commit, which is on the disk when they return.

    store        the face: who may use the connection when, inline or in the thread
    journal      the calls that write, each in a transaction of its own or with others
    writing      turns: judged by what is known of the runs that are owned, and written
    reading      the queries
    acting       the transaction that an action shares with the event that records it
    fields       indexed fields as SQLite values
    transaction  one commit, or none; and a part of it, or none
    schema       opening a file: whose it is, its format, its settings
    faults       what SQLite reports -> the tree of errors

Only this package imports apsw.
"""

from trellis.stores.sqlite.store import SqliteStore as SqliteStore
