"""The result tables of the benchmarks."""

from benchmarks.ingest.table import Result, table
from benchmarks.ingest.timing import Timing


def timing(seconds):
    return Timing(job=seconds, process=seconds + 1, cpu=0.5, said={})


def test_the_ratio_is_the_median_of_the_pairs():
    """A slow minute of the machine affects both runs of a pair, and counts once."""
    result = Result("rclone", 1.3, [(timing(1), timing(2)), (timing(10), timing(15)), (timing(1), timing(1))])
    assert result.ratios == [2, 1.5, 1]
    assert result.is_met is True
    assert result.cells()[:7] == ("rclone", "2.00", "1.00", "1.50", "1.00 to 2.00", "1.3", "yes")


def test_a_goal_that_is_missed_is_told():
    """A ratio below the goal is NO; without a goal the cell is empty."""
    pairs = [(timing(2), timing(1))]
    assert Result("curl", 0.75, pairs).cells()[6] == "NO"
    assert Result("wget2", None, pairs).cells()[6] == ""


def test_a_peer_that_did_not_run_says_why():
    """Its goal is neither met nor missed."""
    result = Result("scrapy", 6, [], "not installed: uv pip install scrapy")
    assert result.is_met is None
    assert "not installed" in result.cells()


def test_a_table_is_straight():
    """Columns are as wide as their widest cell, and short rows are padded."""
    assert table(["a", "b"], [["long", "1"], ["x"]]) == "\n".join(
        ["| a    | b |", "| ---- | - |", "| long | 1 |", "| x    |   |"]
    )
