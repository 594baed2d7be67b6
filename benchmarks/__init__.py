"""Benchmarks: side by side, ratios printed; by hand or at night, `uv run --all-packages python -m benchmarks.NAME`.

prefect_cost    what a Prefect stage run costs around the engine
startup         the whole demo beside one empty flow on plain embedded Prefect
"""
