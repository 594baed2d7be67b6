"""`airnub adopt`: the repository becomes an organisation's own.

- `command`: the command.
- `adoption`: what changes, and the order in which it is done.
- `licence`: SPDX expressions, and the files that state the licence.
- `example`: what names the example department outside of its own folders.
"""
