"""What is done to documents while they are written: formatted, renamed, mended. Texts in, edits out; the files are the caller's.

The modules, in the order in which data flows:

    trivia      comments and blank lines, with their places
    scalars     how a scalar is written
    layout      the lines of a document in the house style
    formatting  a document in the house style, proved to mean what it meant
    names       every name of a view, as the compiler has resolved it
    spans       which characters of a file a name takes
    finding     where a name is declared and used, in all documents of a project
    renaming    another name, proved to mean what the old one did
    fixes       what is certain to mend a problem
    mending     a document with its problems mended, as far as that is certain
"""
