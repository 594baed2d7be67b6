"""Deployment steps for `prefect.yaml`."""

import os

from airnub_prefect.errors import ConfigurationError


def require_environment(names: list[str]) -> dict[str, str]:
    """Fail the deployment if an environment variable is unset or empty.

    Without this step, Prefect replaces `{{ $NAME }}` with an empty text, and exits with 0. A `build` step at the top of
    a file runs before the first deployment is sent:

        build:
          - airnub_prefect.steps.require_environment: {names: [NAME]}

    Args:
        names: names of the variables.

    Returns:
        An empty mapping: the step has no outputs.

    Raises:
        ConfigurationError: variables are unset; the message names all of them.
    """
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        raise ConfigurationError.of(
            "prefect.yaml",
            f"expected {', '.join(missing)} in the environment, found them unset or empty; set them, and deploy again",
        )
    return {}
