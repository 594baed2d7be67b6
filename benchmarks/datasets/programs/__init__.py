"""The programs that are timed, each in a separate process that prints its seconds and processor time as JSON."""
