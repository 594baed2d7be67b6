"""References to the example department outside of its own folders and of what `airnub compile` generates.

Pages and tests are not rewritten, so that a later merge from airnub meets them as they were: pages keep commands of the
example as examples, and tests that need it have the mark `example`, with which they are skipped where it is missing.
"""

import re

from airnub_cli.configuration.registry import Names

EXAMPLE = Names("project_alpha", "Project Alpha")
NOTE = (
    f"> This repository has no example department: where a page types `{EXAMPLE.slug}`, type a department of yours.\n"
    "> [How it was adopted](docs/adopt.md#the-example)."
)
"""What the README says below its heading once the example is gone."""


def without_example(path: str, text: str) -> str:
    """A file of the root without what it has of the example.

    Args:
        path: one of `FILES`.
        text: of the file.
    """
    return _EDITS[path](text)


def _pyproject(text: str) -> str:
    text = re.sub(rf', "{EXAMPLE.slug}"|"{EXAMPLE.slug}", ', "", text)
    return re.sub(rf"^{EXAMPLE.slug} = \{{ workspace = true \}}\n", "", text, flags=re.MULTILINE)


def _prometheus(text: str) -> str:
    target = rf'"worker-{EXAMPLE.slug}:\d+"'
    return re.sub(rf"{target}, |(?:, )?{target}", "", text)


def _readme(text: str) -> str:
    text = re.sub(rf" The sample data are in the public domain:\n\[.*\]\(departments/{EXAMPLE.module}/.*\)\.", "", text)
    heading, gap, rest = text.partition("\n\n")
    return text if NOTE in text else f"{heading}\n\n{NOTE}{gap}{rest}"


_EDITS = {
    "pyproject.toml": _pyproject,
    "infra/prometheus/prometheus.yaml": _prometheus,
    "README.md": _readme,
}
FILES = tuple(_EDITS)
"""Files of the root that name the example, and are changed here."""
