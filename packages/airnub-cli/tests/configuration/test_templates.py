"""Base job templates."""

import pytest

from airnub_cli.configuration.templates import base_job_template, understood, wrong_defaults


@pytest.mark.parametrize("kind", ["docker", "process", "kubernetes"])
def test_defaults_are_put_in(kind):
    """Into the worker's own template; which stays as it is for the next pool."""
    plain = base_job_template(kind, {})
    made = base_job_template(kind, {"env": {"A": "b"}})
    assert made["variables"]["properties"]["env"]["default"] == {"A": "b"}
    assert "default" not in plain["variables"]["properties"]["env"]
    assert base_job_template(kind, {}) == plain
    assert made["job_configuration"] == plain["job_configuration"]


def test_what_a_worker_would_not_understand():
    """A variable that it does not have, a value of another type; each with its place."""
    wrong = dict(
        wrong_defaults(
            "docker",
            {
                "mem_limt": "1g",
                "networks": "airnub",
                "env": {"A": 30},
                "auto_remove": True,
                "image_pull_policy": "Never",
            },
        )
    )
    assert wrong[("mem_limt",)] == "unknown job variable 'mem_limt' of a docker pool; did you mean 'mem_limit'?"
    assert wrong[("networks",)] == "networks: expected a list, found 'airnub'"
    assert "found 30; put it in quotes" in wrong["env", "A"]
    assert len(wrong) == 3


def test_each_type_has_its_own():
    """Memory is nothing that a process has."""
    assert list(wrong_defaults("docker", {"mem_limit": "1g"})) == []
    assert [place for place, _ in wrong_defaults("process", {"mem_limit": "1g"})] == [("mem_limit",)]
    given = {"mem_limit": "1g", "image": "x", "env": {"A": "1"}}
    assert understood("docker", given) == given
    assert understood("process", given) == {"env": {"A": "1"}}
