"""A department that makes a dataset, for the tests."""
