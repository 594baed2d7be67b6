"""Environments as applying needs them."""

from airnub_cli.apply.environment import filled_environment

TEXT = "description: x\nvariables:\n  a:\n    b: {url: '${SITE}'}\n"


def test_placeholders_are_filled_in_what_it_lays_over(repository):
    """And nowhere else."""
    repository.write("configs/environments/staging.yaml", TEXT)
    environment = filled_environment(repository.root, "staging", {"SITE": "http://site"})
    assert environment.mistakes == []
    assert environment.changes("variables", "a", "b", "url") == "http://site"


def test_one_that_nothing_fills_has_its_line(repository):
    """With what to do."""
    repository.write("configs/environments/staging.yaml", TEXT)
    [mistake] = filled_environment(repository.root, "staging", {}).mistakes
    assert mistake.line == 4
    assert "expected SITE in the environment or in .env, found nothing; or write ${SITE:-default}" in str(mistake)


def test_local_needs_no_file(repository):
    """Then nothing is filled."""
    environment = filled_environment(repository.root, "local", {})
    assert (environment.changes("variables"), environment.mistakes) == (None, [])


def test_placeholders_of_what_it_extends_are_filled_too(repository):
    """And reported with the line of the file that has them."""
    repository.write("configs/environments/staging.yaml", TEXT)
    repository.write("configs/environments/far.yaml", "description: y\nextends: staging\nvariables: {a: {c: {d: 1}}}\n")
    environment = filled_environment(repository.root, "far", {"SITE": "http://site"})
    assert environment.changes("variables", "a") == {"b": {"url": "http://site"}, "c": {"d": 1}}
    [mistake] = filled_environment(repository.root, "far", {}).mistakes
    assert (mistake.where.rpartition("/")[2], mistake.line) == ("staging.yaml", 4)
