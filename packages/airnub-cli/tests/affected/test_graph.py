"""The graph."""

import pytest

from airnub_cli.affected.graph import Graph
from airnub_cli.affected.impacts import Impacts
from airnub_cli.affected.members import complete
from airnub_cli.lock import load_lock


@pytest.fixture
def told(checkout):
    """Who stands on a package, or a part of it."""

    def ask(name, part=""):
        lock, members = complete(checkout.root, load_lock((checkout.root / "uv.lock").read_text()), [])
        findings = Impacts()
        [package] = lock.named(name)
        Graph(lock, members).tell(findings, package.node(part), "why")
        return {one.target.name: (" ".join(one.concerns), *one.reasons) for one in findings}

    return ask


def test_directly_and_through_others(told):
    """By the shortest way."""
    assert told("polars") == {
        "airnub-core": ("tests", "why → airnub-core"),
        "alpha": ("image tests deployment", "why → airnub-core → alpha"),
    }


def test_what_only_tests_need_is_in_no_image(told):
    """A group."""
    assert told("pytest") == {"alpha": ("tests", "why → alpha")}


def test_an_extra_concerns_those_who_ask_for_it(told):
    """And the tests of its own package, which have all."""
    assert set(told("airnub-core", "[tables]")) == {"airnub-core", "alpha"}
    assert told("airnub-prefect", "[worker]") == {
        "airnub-prefect": ("tests", "why → airnub-prefect"),
        "prefect": ("image", "why → airnub-prefect → prefect"),
    }


def test_a_member_stands_on_itself(told):
    """Nobody stands on a department."""
    assert told("alpha") == {"alpha": ("image tests deployment", "why → alpha")}
    assert set(told("airnub-prefect")) == {"airnub-prefect", "prefect"}


def test_circles_end(checkout, told):
    """Packages of others stand on each other in circles at times."""
    checkout.replace(
        "uv.lock", 'name = "polars"\nversion = "2.1"\nsource = { registry = "https://pypi.example/simple" }\n',
        'name = "polars"\nversion = "2.1"\nsource = { registry = "https://pypi.example/simple" }\n'
        'dependencies = [\n    { name = "airnub-core", extra = ["tables"] },\n]\n',
    )  # fmt: skip
    assert told("polars")["alpha"] == ("image tests deployment", "why → airnub-core → alpha")
