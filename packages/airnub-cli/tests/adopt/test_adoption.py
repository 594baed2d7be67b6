"""Licences (SPDX), and references to the example department outside of its own folders."""

from pathlib import Path

import pytest

from airnub_cli.adopt.adoption import (
    EXAMPLE_FILES,
    EXAMPLE_NOTE,
    licence_files,
    member_licence,
    spdx,
    with_licence_field,
    with_licence_sentence,
    without_example,
)
from airnub_cli.workspace import WorkspaceError

ROOT = Path(__file__).parents[4]
TEXTS = {
    "pyproject.toml": (
        'dependencies = ["airnub-cli", "project-alpha"]\n[tool.uv.sources]\nproject-alpha = { workspace = true }\n',
        'dependencies = ["airnub-cli"]\n[tool.uv.sources]\n',
    ),
    "infra/prometheus/prometheus.yaml": (
        '- targets: ["worker-project-alpha:9464", "worker-orders:9464"]\n',
        '- targets: ["worker-orders:9464"]\n',
    ),
    "README.md": (
        "# airnub\n\nWhat it is.\n\nLicence: [MIT](LICENSE). The sample data are in the public domain:\n"
        "[where they come from](departments/project_alpha/SOURCES.md).\n",
        f"# airnub\n\n{EXAMPLE_NOTE}\n\nWhat it is.\n\nLicence: [MIT](LICENSE).\n",
    ),
}


@pytest.mark.parametrize("path", EXAMPLE_FILES)
def test_references_to_the_example_are_removed(path):
    """The rest is unchanged, and the second time nothing changes."""
    before, after = TEXTS[path]
    assert without_example(path, before) == after
    assert without_example(path, after) == after


@pytest.mark.parametrize(
    ("before", "after"), [('["worker-project-alpha:9464"]', "[]"), ('["a:1", "worker-project-alpha:9464"]', '["a:1"]')]
)
def test_targets_of_prometheus(before, after):
    """At any position in the list."""
    assert without_example("infra/prometheus/prometheus.yaml", before) == after


@pytest.mark.example
@pytest.mark.parametrize("path", EXAMPLE_FILES)
def test_the_files_of_this_repository_have_these_forms(path):
    """Each is changed, and no longer names the example, except in commands of the README."""
    if not (ROOT / path).is_file():
        pytest.skip("not in a checkout")
    before = (ROOT / path).read_text(encoding="utf-8")
    after = without_example(path, before)
    assert after != before
    left = [line for line in after.splitlines() if "departments/project_alpha/" in line or 'project-alpha"' in line]
    # One sentence of the README speaks of schedules.
    assert [line for line in left if "prefect.yaml" not in line] == []


APACHE = "Apache License\n"


def test_an_expression_is_normalised():
    """Whatever case was typed."""
    assert [spdx(text) for text in ("mit", "apache-2.0 or MIT", "LicenseRef-Proprietary")] == [
        "MIT", "Apache-2.0 OR MIT", "LicenseRef-Proprietary",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["Proprietary", "MIT AND", ""])
def test_an_invalid_expression_is_refused(text):
    """The message has the list of identifiers, and the form for a licence that is not on it."""
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
    """They are airnub's code with the organisation's changes; the expression is valid SPDX."""
    assert spdx(member_licence(path, licence)) == stated
    assert (
        with_licence_field('name = "x"\nlicense = "0BSD"\nv = 1\n', stated)
        == f'name = "x"\nlicense = "{stated}"\nv = 1\n'
    )


def test_a_member_without_a_licence_gets_none():
    """Its owner decides on one."""
    assert with_licence_field('name = "x"\n', "MIT") == 'name = "x"\n'


def test_the_text_of_apache_is_kept_beside():
    """It is moved the first time, and kept later; with Apache-2.0 it is the licence again."""
    first = licence_files({"LICENSE": APACHE}, "acme", "MIT")
    assert first["LICENSES/Apache-2.0.txt"] == APACHE
    assert first["LICENSE"].startswith("SPDX-License-Identifier: MIT\n\nCopyright acme\n")
    added = {**first, "LICENSE": f"{first['LICENSE']}\nPermission is hereby granted\n"}
    assert licence_files(added, "acme", "MIT") == added
    assert licence_files(added, "acme", "0BSD")["LICENSE"] != added["LICENSE"]
    assert licence_files(added, "acme", "Apache-2.0") == {"LICENSE": APACHE}
    assert licence_files({"LICENSE": APACHE}, "acme", "Apache-2.0") == {"LICENSE": APACHE}


def test_the_readme_names_both():
    """The sentence is replaced, and not repeated."""
    before = "# x\n\nLicence: [Apache-2.0](LICENSE). More.\n"
    adopted = with_licence_sentence(before, "MIT")
    assert adopted == (
        "# x\n\nLicence: [MIT](LICENSE).\nWhat came from airnub: [Apache-2.0](LICENSES/Apache-2.0.txt). More.\n"
    )
    assert with_licence_sentence(adopted, "MIT") == adopted
    assert with_licence_sentence(adopted, "Apache-2.0") == before
