"""Paths of the checkout and of the data root; relative paths of settings are below the data root."""

from pathlib import Path

from airnub_common import DATA_ROOT, checkout_around, named_data_root
from airnub_prefect.errors import ConfigurationError


def checkout() -> Path | None:
    """The root of the repository that this package runs from, `None` where it was installed without one."""
    return checkout_around(Path(__file__))


def data_root() -> Path:
    """`AIRNUB_DATA_ROOT`, else the root of the checkout.

    Raises:
        ConfigurationError: there is neither.
    """
    root = named_data_root() or checkout()
    if root is None:
        raise ConfigurationError.of(
            DATA_ROOT, "expected a folder for data outside of a checkout, found nothing; set it"
        )
    return root


def data_path(path: str) -> Path:
    """A path of settings: absolute, or below the data root.

    Raises:
        ConfigurationError: it is relative and there is no data root.
    """
    return Path(path) if Path(path).is_absolute() else data_root() / path


def shown(path: Path) -> str:
    """A path as a person types it: relative to the current folder where it lies below it."""
    current = Path.cwd()
    return str(path.relative_to(current)) if path.is_relative_to(current) else str(path)
