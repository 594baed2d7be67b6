"""`airnub adopt`: replace organisation, licence and code owners of the repository.

- `command`: the command.
- `adoption`: the changes, in one transaction.
- `licence`: SPDX expressions, and the files that state the licence.
- `example`: references to the example department outside of its own folders.
"""
