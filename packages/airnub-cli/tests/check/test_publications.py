"""What is published and read, as files say it."""

from airnub_cli.check.publications import contract_path, read_publications


def test_versions_know_who_uses_them(publishing):
    """With the lines of both."""
    found = read_publications(publishing.workspace)
    [version] = found.of("alpha_dept", "rain").values()
    [use] = found.uses
    assert (version.number, version.says.kind, version.uses) == (1, "dataset", [use])
    assert (use.reader, use.what) == ("beta_dept", "alpha_dept/rain v1")
    assert found.at(version.file, ("fields", "rain")) == "departments/alpha_dept/contracts/rain.v1.yaml:8"
    assert found.at(use.file, use.place("fields", "rain")) == "departments/beta_dept/reads.yaml:8"
    assert found.mistakes == []


def test_mistakes_in_files_are_told_with_their_lines(publishing):
    """Each file's, and a file that is no contract."""
    publishing.change("departments/alpha_dept/contracts/rain.v1.yaml", "day: date", "day: dayte")
    publishing.write("departments/alpha_dept/contracts/rain.v2.yaml", "kind: [")
    publishing.write("departments/alpha_dept/contracts/snow.yaml", "kind: dataset\n")
    publishing.change("departments/beta_dept/reads.yaml", "version", "versoin")
    found = read_publications(publishing.workspace)
    assert found.of("alpha_dept", "rain")[1].says is None
    told = "\n".join(publishing.told(found.mistakes))
    for expected in (
        "departments/alpha_dept/contracts/rain.v1.yaml:7: ",
        "departments/alpha_dept/contracts/rain.v2.yaml:1: broken YAML",
        "departments/alpha_dept/contracts/snow.yaml: expected contracts alone in this folder, named like",
        "departments/beta_dept/reads.yaml:3: unknown key 'reads.0.versoin'; did you mean",
    ):
        assert expected in told


def test_where_a_version_is_written():
    """Below the root."""
    assert contract_path("orders", "shipped", 2) == "departments/orders/contracts/shipped.v2.yaml"
