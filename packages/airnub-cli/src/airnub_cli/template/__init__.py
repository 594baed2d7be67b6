"""Template: how far each department is from the living template, and a three-way merge that brings it there.

- `command`: `airnub template status` and `update`;
- `origin`: which template a department was made from, as it records it;
- `history`: the template as it was, asked of git;
- `comparison`: file by file, what the template changed since, what the department changed, and what both did;
- `moves`: files that went, and where they are now;
- `merging`: git's three-way merge of one file;
- `updating`: all departments that were asked for, landed in one go.
"""
