"""Settings of Hypothesis: number of examples."""

import os

from hypothesis import settings

# No test asserts times. Random search for failures is for developers, not for checks. `AIRNUB_EXAMPLES` sets how many
# examples a sweep draws: few by default, many in the long stages of `.ci/run`.
settings.register_profile(
    "airnub", deadline=None, derandomize="CI" in os.environ, max_examples=int(os.environ.get("AIRNUB_EXAMPLES", "25"))
)
settings.load_profile("airnub")
