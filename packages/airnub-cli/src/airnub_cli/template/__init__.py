"""`airnub template`: how far each department is from the living template, and a three-way merge that brings it there.

history      which template a department was made from, and what that was, asked of git
comparison   file by file, what the template changed since, what the department changed, and what both did; renames
moved_names  imports of departments, rewritten to the names of today
update       all departments that were named, written together
command      `airnub template status` and `update`
"""
