"""Time from the command to the summary of the demo, compared with one empty flow on plain embedded Prefect.

    uv run --all-packages python -m benchmarks.startup

Each pair starts with an empty home and an empty data root for the first run, and keeps them for the second; the two run
in turns. Printed: medians in seconds and the ratio of each pair, demo / empty flow; the goals are 0.75 and 0.70.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = 3
EMPTY_FLOW = "from prefect import flow\n@flow\ndef empty(): ...\nempty()"


def main() -> None:
    """Measure and print the table."""
    firsts, seconds = [], []
    for _ in range(ROUNDS):
        plain = twice([sys.executable, "-c", EMPTY_FLOW])
        demo = twice([sys.executable, "-m", "project_alpha", "demo"])
        firsts.append((plain[0], demo[0]))
        seconds.append((plain[1], demo[1]))
    for name, pairs in (("first run", firsts), ("second run", seconds)):
        plain_median, demo_median = (statistics.median(column) for column in zip(*pairs, strict=True))
        ratios = [demo / plain for plain, demo in pairs]
        print(
            f"{name}: empty flow {plain_median:.1f} s, demo {demo_median:.1f} s, demo / empty flow "
            f"{statistics.median(ratios):.2f} ({', '.join(f'{ratio:.2f}' for ratio in ratios)})"
        )


def twice(command: list[str]) -> tuple[float, float]:
    """Seconds of a command in a new home, and of the same command again."""
    with tempfile.TemporaryDirectory() as home:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
        environment |= {
            "HOME": home,
            "AIRNUB_DATA_ROOT": home,
            # Plain Prefect gives up after 20 s on a slow machine.
            "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        }
        first, second = (timed(command, environment) for _ in range(2))
    return first, second


def timed(command: list[str], environment: dict[str, str]) -> float:
    """Seconds of a command that must succeed."""
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
