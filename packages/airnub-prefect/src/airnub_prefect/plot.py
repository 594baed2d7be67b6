"""Plots of values over time as small panels in one SVG image, without a plotting library."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 380, 150
"""Size of a panel in pixels."""
_COLUMNS = 2
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 14, 34, 24
_GOOD, _BAD, _LINE = "#2563eb", "#dc2626", "#94a3b8"
_LONGEST_TITLE = 56
"""Maximum characters of a title with its unit in the width of a panel."""


@dataclass(frozen=True, slots=True)
class Point:
    """One value of a panel."""

    label: str
    """Time or version; shown below the first and the last point."""
    value: float | None
    """`None` leaves a gap."""
    passed: bool = True
    """Whether the check passed; a failed point is red."""


@dataclass(frozen=True, slots=True)
class Panel:
    """Points in their order, under a title."""

    title: str
    points: Sequence[Point]
    unit: str = ""
    """Unit of the values; shown after the title, and never cut."""

    @property
    def heading(self) -> str:
        """The title with its unit, cut to the width of a panel.

        >>> Panel("sales: " + "a" * 60, [], "hours").heading
        'sales: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… (hours)'
        """
        unit = f" ({self.unit})" if self.unit else ""
        longest = _LONGEST_TITLE - len(unit)
        return (self.title if len(self.title) <= longest else f"{self.title[: longest - 1]}…") + unit


def svg(panels: Sequence[Panel]) -> str:
    """The panels as one SVG image, two in a row.

    >>> image = svg([Panel("rows", [Point("Monday", 3), Point("Tuesday", 5)])])
    >>> image.startswith("<svg"), image.count("<circle")
    (True, 2)
    """
    lines = -(-len(panels) // _COLUMNS)
    width, height = WIDTH * min(_COLUMNS, len(panels)), HEIGHT * lines
    drawn = "".join(
        f'<g transform="translate({number % _COLUMNS * WIDTH} {number // _COLUMNS * HEIGHT})">{_panel(panel)}</g>'
        for number, panel in enumerate(panels)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" fill="#334155"><rect width="100%" height="100%" fill="white"/>'
        f"{drawn}</svg>"
    )


def _panel(panel: Panel) -> str:
    values = [point.value for point in panel.points if point.value is not None]
    parts = [_text(_RIGHT, 18, panel.heading, size=12)]
    if not values:
        return "".join([*parts, _text(_LEFT, HEIGHT / 2, "no values")])
    low, high = min(values), max(values)
    steps = max(1, len(panel.points) - 1)

    def x(number: int) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * number / steps, 1)

    def y(value: float) -> float:
        share = 0.5 if high == low else (value - low) / (high - low)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share, 1)

    for value in {low, high}:
        parts.append(f'<path d="M{_LEFT} {y(value)}H{WIDTH - _RIGHT}" stroke="#e2e8f0"/>')
        parts.append(_text(_LEFT - 6, y(value) + 4, number_text(value), anchor="end"))
    placed = [
        (x(number), None if point.value is None else y(point.value), point) for number, point in enumerate(panel.points)
    ]
    for (x1, y1, _), (x2, y2, _) in pairwise(placed):
        if y1 is not None and y2 is not None:
            parts.append(f'<path d="M{x1} {y1}L{x2} {y2}" stroke="{_LINE}" stroke-width="1.5"/>')
    for at, height, point in placed:
        if height is not None:
            color = _GOOD if point.passed else _BAD
            parts.append(f'<circle cx="{at}" cy="{height}" r="{3 if point.passed else 4.5}" fill="{color}"/>')
    parts.append(_text(_LEFT, HEIGHT - 8, panel.points[0].label))
    if len(panel.points) > 1:
        parts.append(_text(WIDTH - _RIGHT, HEIGHT - 8, panel.points[-1].label, anchor="end"))
    return "".join(parts)


def number_text(value: float) -> str:
    """A number for readers, with thousands separators or three significant digits.

    >>> number_text(1234567.0), number_text(0.25), number_text(-12.345)
    ('1,234,567', '0.25', '-12.3')
    """
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def _text(x: float, y: float, text: str, *, size: int = 11, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}">{escape(text)}</text>'
