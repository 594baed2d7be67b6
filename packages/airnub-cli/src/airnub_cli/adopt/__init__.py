"""`airnub adopt`: replace organisation, licence and code owners of the repository.

- `command`: the command.
- `adoption`: the changes, in one transaction: licences (SPDX), registry, and references to the example department.
"""
