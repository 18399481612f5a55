"""Runs on a Temporal server: the same engine folds inside a workflow, calls are activities, and the history is the journal."""
