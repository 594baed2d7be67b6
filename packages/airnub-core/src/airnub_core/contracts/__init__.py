"""Data contracts: what a department publishes for others, as models and plain values, without polars.

contract      model of a contract file, and schema that a department's code publishes
checks        checks and value constraints, and whether one guarantee is looser than another
limits        limits in settings: tolerances, ages and retention; those of one dataset
field_types   names of types, parsed and formatted
"""
