"""Research: can tomorrow's rain be predicted from what is known today?

It reads the dataset of the processing, and never imports flows. `python -m project_alpha.data_science --help` shows its
options; `dataset`, `features`, `modeling`, `scores`, `plots` and `report` are its steps in order, and each can be used
in a notebook. The extra `science` is required.
"""
