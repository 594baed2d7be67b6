"""The living template of a department."""
