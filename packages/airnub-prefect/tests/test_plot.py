from xml.etree import ElementTree

from airnub_prefect.plot import HEIGHT, WIDTH, Panel, Point, svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*panels):
    return ElementTree.fromstring(svg(panels))


def test_each_value_is_a_point_and_a_missing_one_a_gap():
    """What failed is red; the line has no part to or from what is missing."""
    points = [Point("a", 1), Point("b", 2, passed=False), Point("c", None), Point("d", 4)]
    image = drawn(Panel("rows", points))
    colors = [one.get("fill") for one in image.iter(f"{SVG}circle")]
    assert (len(colors), len(set(colors)), colors[0] == colors[2]) == (3, 2, True)
    assert len([one for one in image.iter(f"{SVG}path") if one.get("stroke-width")]) == 1
    texts = [one.text for one in image.iter(f"{SVG}text")]
    assert texts[0] == "rows"
    assert {"1", "4", "a", "d"} <= set(texts)


def test_larger_values_are_higher():
    """Within the panel; equal ones are in its middle."""
    high, low = (float(one.get("cy")) for one in drawn(Panel("x", [Point("", 9), Point("", -3)])).iter(f"{SVG}circle"))
    assert 0 < high < low < HEIGHT
    one, other = (float(one.get("cy")) for one in drawn(Panel("x", [Point("", 5), Point("", 5)])).iter(f"{SVG}circle"))
    assert one == other


def test_panels_stand_side_by_side():
    """Two in a line."""
    image = drawn(*[Panel(str(number), [Point("", 1)]) for number in range(5)])
    assert (image.get("width"), image.get("height")) == (str(2 * WIDTH), str(3 * HEIGHT))


def test_a_long_title_keeps_its_unit():
    """The title is cut instead."""
    image = drawn(Panel("sales: " + "unique_" * 20, [Point("", 1)], "duplicate rows"))
    [title, *_] = [one.text for one in image.iter(f"{SVG}text")]
    assert title.endswith("… (duplicate rows)")
    assert drawn(Panel("sales: age", [Point("", 1)], "hours")).find(f".//{SVG}text").text == "sales: age (hours)"


def test_names_cannot_break_the_image():
    """Marks of XML are text; a long title is cut."""
    image = drawn(Panel("<a> & b" * 20, [Point("<", None)]))
    texts = [one.text for one in image.iter(f"{SVG}text")]
    assert texts[0].startswith("<a> & b")
    assert texts[0].endswith("…")
    assert texts[1] == "no values"
