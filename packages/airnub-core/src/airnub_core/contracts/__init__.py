"""Data contracts: what a department publishes for others, as models and plain values, without polars.

contract      the model of a contract's file, and what a department's code publishes
checks        checks and limits of values, and which of two promises is the looser one
limits        what the settings of a processing stage say about one dataset
field_types   names of types, parsed and written
"""
