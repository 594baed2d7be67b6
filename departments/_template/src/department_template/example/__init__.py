"""The example: data on a site of its own, which the demo serves, and a report on them, for a department to replace."""
