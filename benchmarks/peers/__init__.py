"""Other libraries, each at the same small work in a process of its own.

A workflow of so many steps, one after the other; each step gives `{"x": x + 1, "note": 100 characters}`, which is
recorded before the next one begins. Then many such workflows at once. Every peer is set up as fast as its documentation
lets it be while a finished step outlives the process and the power: what each one does about that is in its `settings`.
"""
