"""Departments: new ones from the living template, new categories, and the end of one.

command    `airnub new` and `airnub remove`
creation   a new department
category   a new category of a department's ingestion
removal    the end of a department: what goes in the repository, and what on the backend
backend    what a Prefect backend holds of a department
naming     which names a department may have
template   the template's files as those of a department
parts      what the template consists of, and a text of it without some of that
entries    entries of YAML files, added and removed by lines
proposal   a copy of what a change may touch, in which it is made and checked first
landing    changes of many files at once: all of them or none, whatever happens in between
"""
