"""`airnub new`: departments from the living template, and categories of them.

template_copy  the template's files as those of a department, without the stages and categories that are left out
creation       a new department; which names it may have
category       a new category of a department's ingestion
command        `airnub new`
"""
