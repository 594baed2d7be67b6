"""Findings."""

from airnub_cli.affected.impacts import Concern, Impacts, Target, shown

ALPHA = Target("department", "alpha", frozenset(Concern))
TEMPLATE = Target("department", "_template", frozenset({Concern.TESTS}))
CORE = Target("package", "core", frozenset({Concern.TESTS}))
PREFECT = Target("image", "prefect", frozenset({Concern.IMAGE}))


def said(findings):
    """What is told of each."""
    return [(one.target.name, [str(concern) for concern in one.concerns], list(one.reasons)) for one in findings]


def test_a_new_image_is_deployed_too():
    """Deployments name images by digest. Concerns have an order of their own."""
    findings = Impacts()
    findings.add(ALPHA, ["file"], {Concern.TESTS, Concern.IMAGE})
    assert said(findings) == [("alpha", ["image", "tests", "deployment"], ["file → alpha"])]


def test_nobody_is_told_what_is_not_theirs():
    """The template has no image, and a package neither that nor a deployment."""
    findings = Impacts()
    findings.add(TEMPLATE, ["file"], {Concern.IMAGE})
    findings.add(CORE, ["file"], {Concern.IMAGE, Concern.TESTS})
    findings.add(PREFECT, ["file"], {Concern.IMAGE})
    assert said(findings) == [("core", ["tests"], ["file → core"]), ("prefect", ["image"], ["file → prefect"])]


def test_departments_packages_images():
    """Each sorted by name, whoever was found first."""
    findings = Impacts()
    for target in (PREFECT, CORE, ALPHA, TEMPLATE):
        findings.add(target, ["file"], Concern)
    assert [one.target for one in findings] == [TEMPLATE, ALPHA, CORE, PREFECT]


def test_reasons_are_told_once():
    """And a step that is its own neighbour, too."""
    findings = Impacts()
    findings.add(CORE, ["file", "core"], {Concern.TESTS})
    findings.add(CORE, ["file", "core"], {Concern.TESTS})
    findings.add(CORE, ["other"], {Concern.TESTS})
    assert said(findings) == [("core", ["tests"], ["file → core", "other → core"])]


def test_the_template():
    """It is a department that is neither built nor deployed; a package is none."""
    assert [one.is_template for one in (TEMPLATE, ALPHA, CORE, PREFECT)] == [True, False, False, False]


def test_names_of_files_are_one_line():
    """Whatever is in them: a line, a colour, bytes that are no text."""
    assert shown("a\nb\x1b[31m\udcff ü → é") == "a\\nb\\x1b[31m\\udcff ü → é"
