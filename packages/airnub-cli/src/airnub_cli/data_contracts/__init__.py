"""Data contracts of departments, checked against the code that publishes and the code that reads.

publications   every contract, what its code publishes, and its readers
compatibility  contracts against the code that publishes, every reader, and settings that override checks
dataset_usage  declared inputs and file paths, checked against contracts
"""
