"""The commands in the README's section "Scheduled runs, one command at a time"."""

import re
from pathlib import Path

_HEADING, _END = "### Scheduled runs, one command at a time\n", "\n[Deployments]"


def blocks():
    """The block of each terminal."""
    section = (Path(__file__).parents[2] / "README.md").read_text().partition(_HEADING)[2].partition(_END)[0]
    return re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
