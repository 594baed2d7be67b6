"""What is published and read, as files say it."""

from airnub_cli.data_contracts.publications import contract_path, read_publications


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


def test_mistakes_in_checks_have_their_lines(checking):
    """Every one at once: unknown kinds and keys, columns that are not published."""
    path = "departments/alpha_dept/contracts/rain.v1.yaml"
    checking.change(path, "check: row_count, minimum: 100", "check: row_cuont")
    checking.change(path, "column: day, within: 36h", "colunm: day, within: soon")
    wrong = checking.told(read_publications(checking.workspace).mistakes)
    assert [one.removeprefix(path) for one in wrong] == [
        ":11: checks.row_count.check: expected unique or row_count or row_count_change or fresh or reference or "
        "expression or function, found 'row_cuont'; did you mean 'row_count'?",
        ":12: checks.fresh_day.within: expected a number of minutes, hours, days or weeks, such as '36h', found 'soon'",
        ":12: missing key 'checks.fresh_day.column'",
        ":12: unknown key 'checks.fresh_day.colunm'; did you mean 'column'?",
    ]
    checking.change(path, "check: row_cuont", "check: unique, columns: [place, days, fog]")
    checking.change(path, "colunm: day, within: soon", "column: when, within: 1d")
    wrong = checking.told(read_publications(checking.workspace).mistakes)
    assert [one.removeprefix(path) for one in wrong] == [
        ":11: checks.row_count: expected fields of the contract, found days, fog; did you mean day?",
        ":12: checks.fresh_day: expected fields of the contract, found when; fields are place, day, rain, wind",
    ]


def test_where_a_version_is_written():
    """Below the root."""
    assert contract_path("orders", "shipped", 2) == "departments/orders/contracts/shipped.v2.yaml"
