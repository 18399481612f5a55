"""What is done to documents while they are written: formatted, renamed. Texts in, edits out; the files are the caller's."""
