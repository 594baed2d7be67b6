"""Dockerfiles of departments."""

import pytest

from airnub_cli.check.dockerfiles import check_dockerfile

GOOD = """\
FROM python:3.13 AS base
USER root
FROM base as department
COPY departments/alpha_dept packages /x/
USER root
RUN true
USER airnub
"""


def told(house, text):
    """Of a department with that Dockerfile."""
    house.write("departments/alpha_dept/Dockerfile", text)
    return house.told(check_dockerfile(house.member("alpha-dept")))


def test_a_good_one(house):
    """Or none; root in the middle is fine."""
    assert list(check_dockerfile(house.member("alpha-dept"))) == []
    assert told(house, GOOD) == []
    assert told(house, GOOD.replace("alpha_dept", "${DEPARTMENT}")) == []
    assert told(house, GOOD.replace("COPY departments", "COPY --from=base . /y/\nCOPY departments")) == []
    assert (
        told(house, GOOD.replace("USER root\nFROM", "USER me\nFROM").replace("USER root\nRUN true\nUSER airnub\n", ""))
        == []
    )


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("as department", "as other", ": expected a stage called department (FROM … AS department), found none"),
        ("USER airnub", "USER 0:0", ":7: expected a user other than root at the end of the image, found root"),
        ("USER airnub", "RUN true", ":5: expected a user other than root at the end of the image, found root"),
        ("USER root\nRUN true\nUSER airnub\n", "", ":3: expected a user other than root at the end of the image"),
        ("departments/alpha_dept packages", "departments/", ":4: expected departments/alpha_dept alone in its image"),
        ("departments/alpha_dept packages", ".", ":4: expected departments/alpha_dept alone in its image, found all"),
        ("departments/alpha_dept", "departments/beta_dept", ":4: expected departments/alpha_dept alone in its image"),
    ],
)
def test_what_is_wrong_is_told(house, old, new, expected):
    """With its line."""
    [line] = told(house, GOOD.replace(old, new))
    assert line.startswith(f"departments/alpha_dept/Dockerfile{expected}")
