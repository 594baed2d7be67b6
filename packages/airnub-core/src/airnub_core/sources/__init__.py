"""Kinds of source: files, JSON APIs, links on pages. `base` says what a new kind must bring."""
