"""`airnub contract export`: print contracts in the Open Data Contract Standard.

odcs     a contract as a document of the standard, with the location of a dataset in each environment
command  `airnub contract`
"""
