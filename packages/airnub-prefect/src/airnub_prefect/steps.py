"""Deployment steps for `prefect.yaml`."""

import os

from airnub_prefect.errors import ConfigurationError


def require_environment(names: list[str]) -> dict[str, str]:
    """Refuse to deploy when a variable of the environment is not set, or empty.

    Prefect fills `{{ $NAME }}` with nothing then, and exits with 0. As a `build` step at the top of a file this runs
    before the first deployment is sent:

        build:
          - airnub_prefect.steps.require_environment: {names: [NAME]}

    Args:
        names: of the variables.

    Returns:
        Nothing that other steps could use.

    Raises:
        ConfigurationError: some are not set; all of them are named.
    """
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise ConfigurationError.of(
            "prefect.yaml", f"expected {', '.join(missing)} in the environment, found nothing; set it and deploy again"
        )
    return {}
