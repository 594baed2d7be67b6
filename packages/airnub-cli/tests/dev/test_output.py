"""The view: lines of all parts, with names in front."""

import click

from airnub_cli.dev.output import SELF, Output


def shown(*lines, names=()):
    """What is shown of lines, without colours."""
    said = []
    view = Output(said.append)
    for name in names:
        view.add(name)
    for name, text in lines:
        view.line(name, text)
    return [click.unstyle(line) for line in said]


def test_names_stand_in_one_column():
    """As wide as the longest that is known."""
    assert shown(("site", "one"), ("server", "two"), names=("server", "site")) == ["site   │ one", "server │ two"]


def test_every_part_has_a_colour_of_its_own():
    """And ours is none of theirs."""
    said = []
    view = Output(said.append)
    for name in (SELF, "server", "site"):
        view.line(name, "")
    assert len({line.partition("m")[0] for line in said}) == 3


def test_nobody_moves_the_cursor():
    """A part that clears the screen would take what others said with it."""
    assert shown(("site", "\x1b[2J\x1b[1Abefore\rafter")) == ["site │ beforeafter"]


def test_several_lines_of_ours_have_the_name_each():
    """An error of many lines can be told from what the parts say."""
    said = []
    Output(said.append).alarm("one\ntwo")
    assert [click.unstyle(line) for line in said] == ["dev │ one", "dev │ two"]
