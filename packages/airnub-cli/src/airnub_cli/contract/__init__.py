"""Contract: `airnub contract export`, what departments publish in the Open Data Contract Standard.

- `command`: `airnub contract`;
- `selection`: which contracts a command means;
- `odcs`: a contract as a document of the standard;
- `servers`: where a dataset is in each environment.
"""
