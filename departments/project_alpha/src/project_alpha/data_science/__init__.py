"""Research: can tomorrow's rain be predicted from what is known today?

Reads the dataset that the processing publishes, and never imports flows. `python -m project_alpha.data_science --help`
says how to run it; `dataset`, `features`, `modeling`, `scores`, `plots` and `report` follow one another and can each be
used alone, as in a notebook. Needs the `science` extra.
"""
