"""The ingestion engine compared with widely used downloaders; ../README.md describes the comparison."""
