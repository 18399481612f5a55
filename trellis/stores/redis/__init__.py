"""The Redis store: one server, many hosts, one script per call. How durable it is, its server's settings decide.

    connection  the server: found by a URL, asked by scripts
    faults      what Redis reports -> the tree of errors

Only this package imports the library `redis`.
"""
