"""The names of its datasets; settings ask for no more."""

DATASETS = dict.fromkeys(["weather", "weather.v2"])
