"""What a run of a graph would do, found without doing anything: no tool is called, no clock is read.

Rules, in the order of the data:

    known     what is known of the fields, and what an expression or a text comes to with that
    spans     how long something may take at most, and why there is no bound where there is none
    walk      what a walk is made of; `regions` go every way that the inputs allow, `walking` through the whole graph
    acting    what one visit of a node may do and where it may lead; `bodies` for all, race and each
    undoing   what would be undone, in which order
    failing   what would happen if one node failed for good
    facts     the plan as values; `build` makes it of what was walked

The engine decides what can be decided: expressions, field types, checks and retry delays are its own functions. What
it would learn from the world branches. So a plan promises to hold every run with these inputs, and more.
"""
