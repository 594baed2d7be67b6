"""The ingestion engine beside the downloaders people use. How to run it and what it does: ../README.md."""
