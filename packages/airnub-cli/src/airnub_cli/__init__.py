"""The `airnub` command: the workspace seen as a whole."""
