"""What an editor wants to know: schemas of the formats, and at every character of a document what may stand there.

The modules, in the order in which data flows:

    schemas      the JSON Schemas that ship, one for each thing that is written
    shapes       what the schema says at a place of a document
    sketch       text -> maps, lists and texts with their places, however broken the text is
    roles        what is named where: nodes, fields, tools, signals, states
    signatures   what a Python function takes, read and never imported
    names        all names of a project
    enriched     a schema with the names of a project in it, for editors that know YAML and not us
    spots        where the cursor is
    expressions  what may stand in an expression
    completion, hover, links, outlines    answers to what an editor asks
    changes      what an editor changes for its author, as edits
    positions    characters <-> the positions of the protocol
    buffers      files as the editor has them, before they are saved
    session      a project that is open: what is to be checked, and what is told
    server       the language server; the only one that imports pygls
"""
