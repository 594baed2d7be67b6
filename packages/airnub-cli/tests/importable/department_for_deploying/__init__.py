"""A department that tests deploy."""
