"""`airnub new`: create departments, and categories of them, from the template.

template_copy  the template's files, renamed, without unused stages and categories
creation       a new department; valid names
category       a new category of a department's ingestion
command        `airnub new`
"""
