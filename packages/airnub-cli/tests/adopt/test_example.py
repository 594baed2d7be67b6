"""What names the example department outside of its own folders."""

from pathlib import Path

import pytest

from airnub_cli.adopt.example import FILES, NOTE, without_example

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
        f"# airnub\n\n{NOTE}\n\nWhat it is.\n\nLicence: [MIT](LICENSE).\n",
    ),
}


@pytest.mark.parametrize("path", FILES)
def test_a_file_without_it(path):
    """The rest stays as it is, and a second time nothing changes."""
    before, after = TEXTS[path]
    assert without_example(path, before) == after
    assert without_example(path, after) == after


@pytest.mark.parametrize(
    ("before", "after"), [('["worker-project-alpha:9464"]', "[]"), ('["a:1", "worker-project-alpha:9464"]', '["a:1"]')]
)
def test_targets_of_prometheus(before, after):
    """Wherever the example stands among them."""
    assert without_example("infra/prometheus/prometheus.yaml", before) == after


@pytest.mark.example
@pytest.mark.parametrize("path", FILES)
def test_the_files_of_this_repository_have_these_forms(path):
    """Each is changed, and names the example no more, but for the README's commands."""
    if not (ROOT / path).is_file():
        pytest.skip("not in a checkout")
    before = (ROOT / path).read_text(encoding="utf-8")
    after = without_example(path, before)
    assert after != before
    left = [line for line in after.splitlines() if "departments/project_alpha/" in line or 'project-alpha"' in line]
    # One sentence of the README speaks of schedules.
    assert [line for line in left if "prefect.yaml" not in line] == []
