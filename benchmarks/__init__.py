"""Benchmarks: side by side, ratios printed; by hand or at night, `uv run --all-packages python -m benchmarks.NAME`.

index_growth    what the index costs for each URL, the more it knows
ingest          the ingestion engine beside the downloaders people use: speed, memory, growth
prefect_cost    what a Prefect stage run costs around the engine
python_calls    how many Python calls the engine takes for one file, and for each of many
startup         the whole demo beside one empty flow on plain embedded Prefect
"""
