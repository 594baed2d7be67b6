"""SPDX expressions, and the files that state the licence of the repository and of its members.

What came from airnub stays under Apache-2.0, whatever licence the organisation takes for its own work: section 4 of
that licence asks for its text and its notices. So its text moves to `LICENSES/`, and the shared packages, which are
airnub's code with the organisation's changes, are under both.
"""

import re

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from airnub_cli.workspace import WorkspaceError

ORIGIN = "Apache-2.0"
"""The licence of airnub."""
TEXT, ORIGIN_TEXT = "LICENSE", "LICENSES/Apache-2.0.txt"
_FIELD = re.compile(r'^license = ".*"$', re.MULTILINE)
_SENTENCE = re.compile(
    r"^Licence: \[[^\]]*\]\(LICENSE\)\.(?:\nWhat came from airnub: \[[^\]]*\]\([^)]*\)\.)?", re.MULTILINE
)


def spdx(text: str) -> str:
    """An SPDX licence expression in its canonical form.

    Raises:
        WorkspaceError: it is none; says which identifier is unknown.
    """
    try:
        return str(canonicalize_license_expression(text))
    except InvalidLicenseExpression as error:
        raise WorkspaceError(
            f"--licence: expected an SPDX licence expression such as MIT, Apache-2.0 or LicenseRef-Proprietary, found "
            f"{text!r}: {error}; the identifiers are listed on https://spdx.org/licenses/"
        ) from error


def of_member(path: str, licence: str) -> str:
    """The licence that the pyproject file at a path states: for shared packages both."""
    if licence == ORIGIN or not path.startswith("packages/"):
        return licence
    return f"({licence}) AND {ORIGIN}" if " OR " in licence else f"{licence} AND {ORIGIN}"


def with_field(text: str, licence: str) -> str:
    """A pyproject file that states a licence; one that states none stays as it is."""
    return _FIELD.sub(lambda _: f'license = "{licence}"', text, count=1)


def with_sentence(text: str, licence: str) -> str:
    """A README that states a licence where it stated one before."""
    origin = "" if licence == ORIGIN else f"\nWhat came from airnub: [{ORIGIN}]({ORIGIN_TEXT})."
    return _SENTENCE.sub(lambda _: f"Licence: [{licence}]({TEXT}).{origin}", text, count=1)


def licence_files(texts: dict[str, str], organisation: str, licence: str) -> dict[str, str]:
    """The files with the texts of licences.

    Args:
        texts: what `LICENSE` and `LICENSES/Apache-2.0.txt` say now; the second may be missing.
        organisation: whose work the rest is.
        licence: the new one.

    Returns:
        New texts by path. The text of a licence other than airnub's is for the organisation to add.
    """
    origin = texts.get(ORIGIN_TEXT, texts[TEXT])
    if licence == ORIGIN:
        return {TEXT: origin}
    stated = (
        f"SPDX-License-Identifier: {licence}\n\n"
        f"Copyright {organisation}\n\n"
        f"This repository was made from airnub. What came from airnub is under {ORIGIN}, whose text is in\n"
        f"{ORIGIN_TEXT}; everything else is under {licence}.\n"
    )
    # A text that was added to it is kept.
    kept = texts[TEXT] if texts[TEXT].startswith(f"SPDX-License-Identifier: {licence}\n") else stated
    return {TEXT: kept, ORIGIN_TEXT: origin}
