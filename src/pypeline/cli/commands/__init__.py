"""
The commands, one a file: each has the object ``command``.

A file imports click and the options at its top, and what is heavy inside its functions: ``--help`` needs none
of it.
"""
