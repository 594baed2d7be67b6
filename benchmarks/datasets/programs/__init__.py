"""What is timed, each in a process of its own that prints its seconds and processor time as JSON."""
