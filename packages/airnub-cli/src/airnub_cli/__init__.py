"""The `airnub` command: the workspace seen as a whole. Never in an image.

workspace    the members of this checkout, and who stands on whom
isolation    a member's wheel, alone in a new environment with what it declares, and its tests there
"""
