"""How many examples the tests draw."""

import os

from hypothesis import settings

# No test asserts times; what is found by chance is found by developers, not in a check. `AIRNUB_EXAMPLES` says how many
# examples a sweep draws: few by default, many where `.ci/run` looks at length.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")
