"""SPDX expressions, and the files that state the licence."""

import pytest

from airnub_cli.adopt.licence import licence_files, of_member, spdx, with_field, with_sentence
from airnub_cli.workspace import WorkspaceError

APACHE = "Apache License\n"


def test_an_expression_is_written_as_spdx_does():
    """Whatever the case that it was typed in."""
    assert [spdx(text) for text in ("mit", "apache-2.0 or MIT", "LicenseRef-Proprietary")] == [
        "MIT", "Apache-2.0 OR MIT", "LicenseRef-Proprietary",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Proprietary", "MIT AND", ""])
def test_what_is_no_expression_is_refused(text):
    """With the place of the list, and what to write for a licence that is not on it."""
    with pytest.raises(WorkspaceError, match=r"--licence: expected an SPDX .*LicenseRef-Proprietary.*spdx\.org"):
        spdx(text)


@pytest.mark.parametrize(
    ("path", "licence", "stated"),
    [
        ("pyproject.toml", "MIT", "MIT"),
        ("departments/_template/pyproject.toml", "MIT", "MIT"),
        ("packages/airnub-core/pyproject.toml", "MIT", "MIT AND Apache-2.0"),
        ("packages/airnub-core/pyproject.toml", "MIT OR 0BSD", "(MIT OR 0BSD) AND Apache-2.0"),
        ("packages/airnub-core/pyproject.toml", "Apache-2.0", "Apache-2.0"),
    ],
)
def test_shared_packages_are_under_both_licences(path, licence, stated):
    """They are airnub's code, with the organisation's changes; the expression is one of SPDX."""
    assert spdx(of_member(path, licence)) == stated
    assert with_field('name = "x"\nlicense = "0BSD"\nv = 1\n', stated) == f'name = "x"\nlicense = "{stated}"\nv = 1\n'


def test_a_member_without_a_licence_gets_none():
    """It is for its owner to state one."""
    assert with_field('name = "x"\n', "MIT") == 'name = "x"\n'


def test_the_text_of_apache_is_kept_beside():
    """The first time it is moved, later it is left; back at Apache-2.0 it is the licence again."""
    first = licence_files({"LICENSE": APACHE}, "acme", "MIT")
    assert first["LICENSES/Apache-2.0.txt"] == APACHE
    assert first["LICENSE"].startswith("SPDX-License-Identifier: MIT\n\nCopyright acme\n")
    added = {**first, "LICENSE": f"{first['LICENSE']}\nPermission is hereby granted\n"}
    assert licence_files(added, "acme", "MIT") == added
    assert licence_files(added, "acme", "0BSD")["LICENSE"] != added["LICENSE"]
    assert licence_files(added, "acme", "Apache-2.0") == {"LICENSE": APACHE}
    assert licence_files({"LICENSE": APACHE}, "acme", "Apache-2.0") == {"LICENSE": APACHE}


def test_the_readme_names_both():
    """In the place of what it said, and only once."""
    before = "# x\n\nLicence: [Apache-2.0](LICENSE). More.\n"
    adopted = with_sentence(before, "MIT")
    assert adopted == (
        "# x\n\nLicence: [MIT](LICENSE).\nWhat came from airnub: [Apache-2.0](LICENSES/Apache-2.0.txt). More.\n"
    )
    assert with_sentence(adopted, "MIT") == adopted
    assert with_sentence(adopted, "Apache-2.0") == before
