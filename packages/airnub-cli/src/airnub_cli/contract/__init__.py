"""`airnub contract export`: what departments publish, in the Open Data Contract Standard.

odcs     a contract as a document of the standard
servers  where a dataset is in each environment
command  `airnub contract`; which contracts it means
"""
