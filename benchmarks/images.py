"""Measure how long image builds take, how large layers are, and how soon a run starts.

    uv run --all-packages python -m benchmarks.images            needs Docker; about three minutes
    uv run --all-packages python -m benchmarks.images --runs 20  and a system that is up (`docker compose up --wait`)

Images are built from a copy of the committed files in a separate folder: the checkout is not changed.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from airnub_cli.images.build import BuildTarget, definition
from airnub_cli.images.image import images
from airnub_cli.workspace import Workspace
from airnub_prefect.api_url import LOCAL

ROOT = Path(__file__).parents[1]
TAG = "airnub-benchmark"
DEPARTMENT = "departments/project_alpha/src/project_alpha/tasks.py"
SHARED = "packages/airnub-core/src/airnub_core/errors.py"


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts", default="nothing,edits,layers", help="Parts of the table; measure edits on a quiet machine."
    )
    parser.add_argument("--edits", type=int, default=3, help="Builds after each kind of edit.")
    parser.add_argument("--runs", type=int, default=0, help="Runs of a deployment on a system that is up.")
    parser.add_argument("--api", default=LOCAL)
    options = parser.parse_args()
    if options.runs:
        print_runs(options.api, options.runs)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "airnub"
        copy(folder)
        try:
            print_builds(folder, options.edits, options.parts.split(","))
        finally:
            subprocess.run(["docker", "image", "rm", "--force", *tags(folder)], capture_output=True, check=False)


def copy(folder: Path) -> None:
    """Copy the committed files; the template serves as a second department."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for path in filter(None, listed.splitlines()):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, folder / path)
    (folder / "departments" / "_template").rename(folder / "departments" / "department_template")
    lock = folder / "uv.lock"
    lock.write_text(lock.read_text().replace("departments/_template", "departments/department_template"))


def tags(folder: Path) -> list[str]:
    """Of all images."""
    return [f"{TAG}/{name}" for name in images(Workspace.around(folder))]


def build(folder: Path, *options: str) -> float:
    """Build all images in one go, as `airnub images` does; seconds."""
    workspace = Workspace.around(folder)
    wanted = [BuildTarget(image, f"{TAG}/{image.name}", "", {}) for image in images(workspace).values()]
    started = time.monotonic()
    subprocess.run(
        ["docker", "buildx", "bake", "--file", "-", "--load", *options],
        cwd=folder, input=json.dumps(definition(workspace, wanted)), text=True, check=True, capture_output=True,
    )  # fmt: skip
    return time.monotonic() - started


def layers(reference: str) -> list[tuple[str, int, str]]:
    """Digest, bytes and command of each layer that is not empty, lowest first."""
    command = ["docker", "history", "--no-trunc", "--human=false", "--format", "{{.Size}}\t{{.CreatedBy}}", reference]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    inspect = ["docker", "image", "inspect", "--format", "{{json .RootFS.Layers}}", reference]
    digests = json.loads(subprocess.run(inspect, capture_output=True, text=True, check=True).stdout)
    # Steps of the history that made no layer have no size; layers without files have one of 0, so match from the top.
    made = [line.split("\t", 1) for line in reversed(lines)]
    filled = [(int(size), what) for size, what in made if makes_a_layer(what)]
    return [(digest, size, what) for digest, (size, what) in zip(digests[-len(filled) :], filled, strict=False)]


def makes_a_layer(what: str) -> bool:
    """Whether a step of the history has a separate layer."""
    return not any(f"{word} " in what[:12] for word in ("ENV", "ARG", "LABEL", "USER", "CMD", "ENTRYPOINT", "VOLUME"))


def print_builds(folder: Path, edits: int, parts: list[str]) -> None:
    """Measure build times and layer sizes."""
    build(folder)
    if "nothing" in parts or "edits" in parts:
        print_times(folder, edits, parts)
    if "layers" in parts:
        print_layers()


def print_times(folder: Path, edits: int, parts: list[str]) -> None:
    """Build times, all images in one command."""
    print(f"| all images ({len(tags(folder))}) | seconds | new bytes in project-alpha |\n|---|---|---|")
    if "nothing" in parts:
        print(f"| with only base images and uv's cache present | {build(folder, '--no-cache'):.1f} | |")
    if "edits" not in parts:
        return
    print(f"| nothing changed | {build(folder):.1f} | 0 |")
    for what, path in (("a one-line edit of a department", DEPARTMENT), ("an edit of a shared package", SHARED)):
        seconds, new = [], 0
        for number in range(edits):
            before = {digest for digest, _, _ in layers(f"{TAG}/project-alpha")}
            with (folder / path).open("a") as file:
                file.write(f"# edit {number}\n")
            seconds.append(build(folder))
            new = sum(size for digest, size, _ in layers(f"{TAG}/project-alpha") if digest not in before)
        print(f"| after {what} | {statistics.median(seconds):.1f} | {new:,} |")


def print_layers() -> None:
    """Sizes of the layers of an image, and how much other images add."""
    alpha, other, prefect = (layers(f"{TAG}/{name}") for name in ("project-alpha", "department-template", "prefect"))
    print("\n| layer of project-alpha | MB |\n|---|---|")
    for _, size, what in alpha:
        if size > 1000:
            print(f"| {short(what)} | {size / 1e6:.2f} |")
    print("\n| image | MB | adds to project-alpha's, MB |\n|---|---|---|")
    known = {digest for digest, _, _ in alpha}
    for name, found in (("project-alpha", alpha), ("department-template", other), ("prefect", prefect)):
        adds = sum(size for digest, size, _ in found if digest not in known)
        print(f"| {name} | {sum(size for _, size, _ in found) / 1e6:.0f} | {adds / 1e6:.2f} |")


def short(command: str) -> str:
    """A short name of a layer."""
    for word, what in {
        "shared.txt": "shared dependencies", "tables.txt": "datasets (polars, Delta Lake)", "own.txt": "the rest",
        "/tree/data/": "data of the department", "useradd": "a user", "apt-packages": "packages of the system",
    }.items():  # fmt: skip
        if word in command:
            return what
    return command.split("#")[0].strip()[:50] or "the base image"


def print_runs(api: str, runs: int) -> None:
    """Seconds from the request for a run to Running and to Completed, one run after another.

    Workers of Compose look for runs every 2 s (`PREFECT_WORKER_QUERY_SECONDS`); another system's may do so less often.
    """
    [analysis] = [one for one in post(f"{api}/deployments/filter", {}) if one["name"] == "project-alpha-analysis"]
    running, completed = [], []
    for _ in range(runs):
        asked = time.time()
        run = post(f"{api}/deployments/{analysis['id']}/create_flow_run", {})["id"]
        while (state := get(f"{api}/flow_runs/{run}"))["state_type"] not in {"COMPLETED", "FAILED", "CRASHED"}:
            time.sleep(0.1)
        assert state["state_type"] == "COMPLETED", state["state"]
        running.append(seconds_of(state["start_time"]) - asked)
        completed.append(seconds_of(state["end_time"]) - asked)
    print("Measure with the worker that is up, at its poll interval: 2 s if Compose started it.\n")
    print("| from `deployment run` to | median | slowest |\n|---|---|---|")
    for name, times in (("Running", running), ("Completed", completed)):
        print(f"| {name} | {statistics.median(times):.1f} s | {max(times):.1f} s |")


def seconds_of(moment: str) -> float:
    """Seconds since the epoch."""
    from datetime import datetime

    return datetime.fromisoformat(moment).timestamp()


def get(url: str) -> dict:
    """The JSON that the server answers."""
    with urllib.request.urlopen(url, timeout=30) as answer:
        return json.load(answer)


def post(url: str, body: object):
    """The JSON that the server answers."""
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


if __name__ == "__main__":
    main()
