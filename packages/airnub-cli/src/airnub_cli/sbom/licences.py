"""Licences: what an installed package says of its own, in the words of the SPDX licence list where it uses them."""

from importlib.metadata import Distribution, PackageNotFoundError, distribution

UNKNOWN = "unknown"
_CLASSIFIER = "License :: OSI Approved :: "
_LONGEST = 60
"""Characters; what is longer is the text of a licence and not its name."""


def licence_of(name: str) -> str:
    """The licence of an installed package, `unknown` where it says none, or is not installed.

    Args:
        name: of the distribution.
    """
    try:
        return _said(distribution(name))
    except PackageNotFoundError:
        return UNKNOWN


def _said(found: Distribution) -> str:
    # An expression of SPDX (PEP 639), else classifiers, which are names, else what was free text for long.
    if expression := _first(found, "License-Expression"):
        return expression
    classifiers = found.metadata.get_all("Classifier") or []
    names = [one.removeprefix(_CLASSIFIER) for one in classifiers if one.startswith(_CLASSIFIER)]
    if names:
        return " OR ".join(names)
    text = _first(found, "License").strip()
    return text if text and len(text) <= _LONGEST and "\n" not in text else UNKNOWN


def _first(found: Distribution, name: str) -> str:
    return str((found.metadata.get_all(name) or [""])[0])
