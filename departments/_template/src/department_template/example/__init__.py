"""The example that a department replaces: sample data, the demo that serves them, and a report."""
