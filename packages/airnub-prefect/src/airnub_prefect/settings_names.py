"""Names of a stage's settings: its Prefect Variable, and the YAML file that the Variable is made from.

Pydantic is not imported, since commands such as `list` only print the names.
"""


def variable_of(department: str, stage: str) -> str:
    """The name of the Prefect Variable with the settings of a stage."""
    return f"dept_{department}_{stage}_config"


def yaml_name_of(department: str, stage: str) -> str:
    """The YAML file that the Variable is made from, relative to the repository."""
    return f"configs/variables/{department}/{stage}.yaml"
