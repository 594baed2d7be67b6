"""A tiny department: what the tests of airnub-prefect run, in this process and as a command of its own."""
