"""Fixtures that the workspace's tests share with the tests of members."""

import sys
from pathlib import Path

_PACKAGES = Path(__file__).parents[1] / "packages"
for member in ("airnub-core", "airnub-prefect", "airnub-cli"):
    sys.path.insert(0, str(_PACKAGES / member / "tests" / "importable"))
from real_servers import postgres_server, postgres_url, s3  # noqa: E402, F401  # fixtures; for tests alone
