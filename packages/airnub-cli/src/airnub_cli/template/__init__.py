"""`airnub template`: compare departments with the template, and merge its changes into them.

history      the template that a department was made from, read from git
comparison   three-way comparison, file by file; renames
moved_names  imports in departments, rewritten to present names
update       all named departments, in one transaction
command      `airnub template status` and `update`
"""
