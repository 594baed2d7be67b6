"""Result tables: medians, ratios with their spread, and goals."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.ingest.timing import Timing

HEADINGS = (
    *("peer", "peer s", "our s", "ratio", "spread", "goal", "met"),
    *("peer CPU s", "our CPU s", "our process s", "ratio of processes"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """Pairs of runs, ours and a peer's; empty if the peer is missing or failed, and the note gives the reason."""

    peer: str
    goal: float | None
    pairs: Sequence[tuple[Timing, Timing]]
    note: str = ""

    @property
    def ratios(self) -> list[float]:
        """Peer time / our time of each pair."""
        return [peer.job / ours.job for ours, peer in self.pairs]

    @property
    def is_met(self) -> bool | None:
        """None without a goal or without measurements."""
        if self.goal is None or not self.pairs:
            return None
        return statistics.median(self.ratios) >= self.goal

    def cells(self) -> tuple[str, ...]:
        """One line of the table."""
        goal = "" if self.goal is None else f"{self.goal:g}"
        if not self.pairs:
            return (self.peer, "", "", self.note.partition(":")[0], "", goal)
        ours, peers = zip(*self.pairs, strict=True)
        processes = statistics.median(peer.process / one.process for one, peer in self.pairs)
        return (
            self.peer,
            f"{statistics.median(one.job for one in peers):.2f}",
            f"{statistics.median(one.job for one in ours):.2f}",
            f"{statistics.median(self.ratios):.2f}",
            f"{min(self.ratios):.2f} to {max(self.ratios):.2f}",
            goal,
            {True: "yes", False: "NO", None: ""}[self.is_met],
            f"{statistics.median(one.cpu for one in peers):.2f}",
            f"{statistics.median(one.cpu for one in ours):.2f}",
            f"{statistics.median(one.process for one in ours):.2f}",
            f"{processes:.2f}",
        )


def table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are also aligned in a terminal."""
    full = [[*line, *[""] * (len(headings) - len(line))] for line in lines]
    widths = [max(len(cell) for cell in column) for column in zip(headings, *full, strict=True)]
    rows = [list(headings), ["-" * width for width in widths], *full]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    )
