"""Measure how long `prefect deploy --all` takes for few and for many deployments.

    uv run --all-packages python -m benchmarks.deployments        and a system that is up (`docker compose up --wait`)

They go to a separate pool, which is deleted with them afterwards. Each is a copy of one deployment of the
repository, without its triggers: each deploy creates the automation again, in a request of its own.
"""

import argparse
import contextlib
import os
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import yaml

from airnub_prefect.api_url import LOCAL
from benchmarks.images import post

ROOT = Path(__file__).parents[1]
POOL = "airnub-benchmark"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--numbers", default="2,20,200", help="Numbers of deployments; one measurement for each.")
    parser.add_argument(
        "--rounds",
        type=int,
        default=2,
        help="Deploys for each number: the first creates deployments, others update them.",
    )
    parser.add_argument("--api", default=LOCAL)
    options = parser.parse_args()
    print("Copies of one deployment, without triggers.\n")
    print("| deployments | created in | each | updated in (median) | each |\n|---|---|---|---|---|")
    try:
        post(f"{options.api}/work_pools/", {"name": POOL, "type": "process"})
        for number in map(int, options.numbers.split(",")):
            seconds = [deploy(number, options.api) for _ in range(options.rounds)]
            remove(options.api)
            first, updates = seconds[0], seconds[1:]
            again = statistics.median(updates) if updates else None
            updated = f"{again:.1f} s | {again / number:.2f} s" if again else "- | -"
            print(f"| {number} | {first:.1f} s | {first / number:.2f} s | {updated} |")
    finally:
        with contextlib.suppress(urllib.error.HTTPError):  # it could not be created
            remove(options.api)
            delete(f"{options.api}/work_pools/{POOL}")


def deploy(number: int, api: str) -> float:
    """Deploy `number` copies of the repository's last deployment, without triggers; returns the command's seconds."""
    [*_, model] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    model.pop("triggers", None)
    copies = [model | {"name": f"{POOL}-{n}", "work_pool": {"name": POOL}} for n in range(number)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "prefect.yaml").write_text(yaml.safe_dump({"name": "benchmark", "deployments": copies}))
        shutil.copy(ROOT / "pyproject.toml", folder)
        started = time.monotonic()
        done = subprocess.run(
            ["prefect", "deploy", "--all", "--no-prompt"], cwd=folder, env=os.environ | {"PREFECT_API_URL": api},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return time.monotonic() - started


def remove(api: str) -> None:
    """All deployments of the pool."""
    asked = {"work_pools": {"name": {"any_": [POOL]}}, "limit": 200}
    while found := post(f"{api}/deployments/filter", asked):
        for one in found:
            delete(f"{api}/deployments/{one['id']}")


def delete(url: str) -> None:
    """An object of the API."""
    urllib.request.urlopen(urllib.request.Request(url, method="DELETE"), timeout=30).close()


if __name__ == "__main__":
    main()
