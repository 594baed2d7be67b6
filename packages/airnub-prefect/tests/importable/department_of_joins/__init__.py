"""A department whose datasets are made of others, for the tests."""
