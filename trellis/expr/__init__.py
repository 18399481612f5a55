"""The expression language: parse a checked subset of Python expressions, check it against types, compile to closures.

`expression` and `template` are what others compile and evaluate with, `check` finds faults before a run; `syntax`
says which forms exist, `reading` which names they read, `building` turns them into closures, `operators` and
`functions` work on values. The last six load with the first text that needs them. Only the text of a graph is ever
compiled; data is never evaluated.
"""
