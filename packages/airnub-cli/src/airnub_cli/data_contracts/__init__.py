"""Data contracts: what departments publish and read, checked against their code and readers.

publications       every contract, what its code publishes, and who reads it
compatibility      contracts against the code that keeps them and everything that reads them
dataset_usage      declared inputs and paths of files, against contracts
overridden_checks  settings of a processing that loosen a check which a contract promises
"""
