"""Benchmarks, run by hand or at night with `uv run --all-packages python -m benchmarks.NAME`; `README.md` lists all.

index_growth    time that the index takes for each URL, depending on how many it knows
ingest          the ingestion engine compared with widely used downloaders: speed, memory, growth
prefect_cost    time that a Prefect stage run adds to the engine
python_calls    Python calls of the engine for one file, and for each of many
startup         the whole demo compared with one empty flow on plain embedded Prefect
"""
