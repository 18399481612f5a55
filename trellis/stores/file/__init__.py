"""The file store: a folder that people can read, one journal a run, each turn a line that is on the disk when it counts.

    store     the face: what runs on the loop, and what in the thread
    journals  what is written, and under which lock; every call whole or not at all
    index     what is known of each run, and how it follows the other processes
    lines     how a line is written, and what is said of one that cannot be read
    folder    the places, the format, the lock, and files that come into being whole

The folder:

    format.json                the version of what is in it
    lock                       held by whoever reads or writes; counts the writes
    runs/NUMBER-RUN.jsonl      a run: its beginning, its events, and who owned it when
    snapshots/NUMBER-NUMBER    the latest snapshot of the run of the first number
    definitions/HASH           the definitions that runs need
    owners/                    a lock file for each living owner

It is for small numbers of runs, and for one machine: see `store`.
"""

from trellis.stores.file.store import FileStore as FileStore
