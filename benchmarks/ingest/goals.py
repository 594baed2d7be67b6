"""The sets, and the goal for each peer: the least ratio of its time to ours."""

from dataclasses import dataclass

from benchmarks.ingest.sets import KIB, MIB, Shape

SMALL = Shape("S", 5_000, 10 * KIB)
MIDDLE = Shape("M", 500, MIB)
LARGE = Shape("L", 1, 2048 * MIB)
MANY = Shape("many", 50_000, KIB)

MEMORY_MIB = 120
GROWTH = 1.1
"""Goal: time of a file with a large index / with an empty one, at most."""
KNOWN_URLS = (0, 100_000, 1_000_000)


@dataclass(frozen=True, slots=True)
class Race:
    """One set, run by airnub and by peers."""

    title: str
    shape: Shape
    connections: int
    goals: dict[str, float | None]
    """By peer: peer time / our time, at least. None: without a goal; runs only if it is named."""
    is_again: bool = False
    """All files are already stored and unchanged."""
    is_distant: bool = False
    is_tls: bool = False


RACES = {
    "S": Race(
        "S: 5,000 files of 10 KiB",
        SMALL,
        32,
        {
            "rclone": 1.1,
            "curl": 0.75,
            "curl-hash": 1.4,
            "scrapy": 6,
            "pooch": 6,
            "aria2": 6,
            "httpx": 6,
            "wget2": None,
            "bare": None,
        },
    ),
    "M": Race(
        "M: 500 files of 1 MiB",
        MIDDLE,
        16,
        {
            "rclone": 0.8,
            "curl-hash": 2.5,
            "curl": None,
            "wget2": None,
            "scrapy": None,
            "pooch": None,
            "aria2": None,
            "httpx": None,
        },
    ),
    "L": Race(
        "L: one file of 2 GiB",
        LARGE,
        16,
        {"curl-hash": 2, "rclone": 1.1, "curl": None, "wget2": None, "pooch": None, "aria2": None, "httpx": None},
    ),
    "again": Race("S again, nothing changed", SMALL, 32, {"rclone": 0.95}, is_again=True),
    "latency": Race(
        "S, 50 ms away",
        SMALL,
        32,
        {"rclone": 1.0, "curl": 1.0, "wget2": None, "aria2": None, "httpx": None, "scrapy": None},
        is_distant=True,
    ),
    "h2": Race(
        "S over TLS with HTTP/2",
        SMALL,
        32,
        {"curl": 0.8, "rclone": None, "wget2": None},
        is_tls=True,
    ),
}
