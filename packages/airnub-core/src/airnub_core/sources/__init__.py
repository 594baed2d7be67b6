"""The three kinds of source: files, JSON APIs, links on pages. Each turns settings into items and gives outcomes."""
