"""Paths of the checkout, the data root and settings files; relative paths in settings are below the data root.

Pydantic is not imported, since commands such as `list` only print names and paths.
"""

from pathlib import Path

from airnub_common import DATA_ROOT, checkout_around, named_data_root
from airnub_prefect.errors import ConfigurationError


def checkout() -> Path | None:
    """The root of the repository that this package runs from, `None` if it is installed without one."""
    return checkout_around(Path(__file__))


def data_root() -> Path:
    """`AIRNUB_DATA_ROOT`, else the root of the checkout.

    Raises:
        ConfigurationError: both are missing.
    """
    root = named_data_root() or checkout()
    if root is None:
        raise ConfigurationError.of(
            DATA_ROOT, "outside of a checkout expected it to name the folder for data, found it unset; set it"
        )
    return root


def data_path(path: str) -> Path:
    """A path in settings: absolute, or relative to the data root.

    Raises:
        ConfigurationError: the path is relative and there is no data root.
    """
    return Path(path) if Path(path).is_absolute() else data_root() / path


def shown(path: Path) -> str:
    """A path for messages: relative if it is below the current folder."""
    current = Path.cwd()
    return str(path.relative_to(current)) if path.is_relative_to(current) else str(path)


def variable_of(department: str, stage: str) -> str:
    """The name of the Prefect Variable with the settings of a stage."""
    return f"dept_{department}_{stage}_config"


def yaml_name_of(department: str, stage: str) -> str:
    """The YAML file that the Variable is made from, relative to the repository."""
    return f"configs/variables/{department}/{stage}.yaml"
