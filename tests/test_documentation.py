"""The documentation: every command in it can be typed, and every link leads somewhere."""

import asyncio
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from airnub_cli.__main__ import main as airnub
from airnub_cli.workspace import Workspace
from airnub_core import ApiSource, FileSource, Item, NetworkSettings, PageSource, open_engine
from airnub_core.dataset_limits import DatasetLimits
from airnub_core.sources.settings import Auth, CursorPages, Incremental, LinkPages, NumberedPages, OffsetPages
from airnub_data import Column, Csv, Dataset, Location, make_dataset, scan_dataset
from airnub_data.testing import write_rows
from airnub_prefect.command.main import group
from department_template.settings import IngestionSettings

ROOT = Path(__file__).parents[1]
# Without a look into environments and caches, which hold more files than all else.
PAGES = [
    path
    for place in sorted(ROOT.iterdir())
    if not place.name.startswith((".", "data", "node"))
    for path in ([place] if place.suffix == ".md" else sorted(place.rglob("*.md")))
    if not any(part.startswith((".", "data", "node")) for part in path.relative_to(ROOT).parent.parts)
]
DEPARTMENTS = [one for one in Workspace.around(ROOT).members.values() if one.kind == "department"]
COMMANDS = {"airnub": airnub} | {
    one.name: group(import_module(f"{one.module}.department").DEPARTMENT) for one in DEPARTMENTS
}
# What other tools are asked for, and where that really happens.
RUN_ELSEWHERE = {
    "pip install uv && uv run project-alpha demo": "tests/clean_clone.py",
    "pip install uv && uv run --all-packages pytest": ".ci/run",
    "uv run pytest": "tests/clean_clone.py",
    "uv run --all-packages pytest": ".ci/run",
    "uv run pytest -m system": ".ci/run",
    "uv run --all-packages pytest -m system": ".ci/run",
    "uv sync --all-packages --group lint": ".ci/run",
    ".ci/run": ".ci/run",
    ".ci/difference origin/main production": "tests/test_workflows.py",
    ".ci/run lint": ".ci/run",
    "uv run --group lint pre-commit install": "by hand",
    "uv run --all-packages python -m benchmarks.startup": "by hand",
    "docker compose up --wait": "tests/docker",
    "docker compose down": "tests/docker",
    "docker compose build": "tests/docker",
    "docker compose up -d --wait": "tests/docker/test_backup.py",
    "docker compose --profile tls up --wait": "tests/docker/test_watching.py",
    "docker compose cp tls:/data/caddy/pki/authorities/local/root.crt airnub-root.crt": "tests/docker/test_watching.py",
    "docker compose --file docker-compose.yml build server project-alpha": "tests/docker/test_watching.py",
    "docker compose up --detach --no-deps --no-build --wait postgres": "tests/docker",
    "docker compose up --detach --no-deps --no-build --wait server": "tests/docker",
    "docker compose run --rm setup airnub apply --env staging --switch": "tests/docker",
    "export PREFECT_API_URL=http://127.0.0.1:4200/api": "tests/test_readme.py",
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion --watch": "tests/test_dev.py",
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion --param failed=true --watch": (
        "tests/test_flow_of_data.py"
    ),
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion "
    "--param 'sources=[\"noaa_daily_weather\"]' --watch": "tests/test_flow_of_data.py",
    "docker compose exec server prefect deployment run project-alpha-ingestion/project-alpha-ingestion --watch": (
        "tests/docker"
    ),
    "docker compose exec site project-alpha store ls --store /data/data/project_alpha": "tests/docker",
    "docker compose logs --follow worker-project-alpha": "tests/docker",
    "uv run airnub kubernetes --env cluster | kubectl apply -f -": "tests/test_kubernetes.py, without a cluster",
    "kubectl --namespace airnub port-forward service/server 4200:4200": "by hand: it needs a cluster",
    "export PREFECT_API_URL=http://127.0.0.1:4200/api PREFECT_API_AUTH_STRING=user:password": "by hand",
    "uv run prefect deploy --all --prefect-file cluster.yaml": "tests/test_deployments.py, with another file",
    "uv run prefect server start": "tests/test_readme.py",
    "uv run prefect work-pool create --type process project-alpha": "tests/test_deployments.py",
    "uv sync --all-packages": ".ci/run",
    "uv run prefect deploy --all": "tests/test_deployments.py",
    "uv run prefect deploy --all --prefect-file data/processes.yaml": "tests/test_deployments.py",
    "uv run prefect deploy --all --prefect-file production.yaml": "tests/test_deployments.py",
    "uv run prefect deploy --all --no-prompt": "tests/test_deployments.py",
    "uv run --all-packages prefect deploy --all --prefect-file data/processes.yaml": "tests/test_readme.py",
    "uv run --all-packages prefect worker start --pool project-alpha": "tests/test_readme.py",
    "PREFECT_HOME=/tmp/fresh uv run prefect server database upgrade -y": "airnub-prefect's tests of the snapshot",
    "uv run python -m airnub_prefect.embedded.database /tmp/fresh": "airnub-prefect's tests of the snapshot",
}
_BLOCK = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(uv run (?:--package [\w-]+ )?(?:[\w-]+)(?: [^`…]*)?)`")
_LINK = re.compile(r"\]\(([^)#]+)\)")


def commands():
    """Every command of every page, without its comment."""
    for page in PAGES:
        text = page.read_text()
        lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
        for line in (*lines, *_INLINE.findall(text)):
            command = re.sub(r"\s+#.*", "", line).strip()
            if command:
                # Benchmarks are no commands of this process: each is started, and imports what it measures.
                marks = [pytest.mark.system] if "python -m benchmarks" in command else []
                yield pytest.param(command, id=f"{page.relative_to(ROOT)}: {command}", marks=marks)


@pytest.mark.parametrize("command", list(commands()))
def test_a_documented_command_can_be_typed(command):
    """Its arguments are understood; what it does is tested where it belongs."""
    if command in RUN_ELSEWHERE or "orders orders" in command:  # tests/test_departments.py
        return
    words = shlex.split(re.sub(r"^uv run --package (\S+) \1 ", r"uv run \1 ", command))
    if words[:4] == ["uv", "run", "--all-packages", "airnub"]:
        del words[2]
    if "data_science" in command:
        assert "project_alpha.data_science" in words
        return
    if words[:5] == ["uv", "run", "--all-packages", "python", "-m"] and words[5].startswith("benchmarks."):
        subprocess.run([sys.executable, *words[4:], "--help"], cwd=ROOT, check=True, capture_output=True)
        return
    assert words[:2] == ["uv", "run"], f"nobody tests this command: {command}"
    # With --help nothing is run, and an option or a command that does not exist is an error all the same.
    result = CliRunner().invoke(COMMANDS[words[2]], [*words[3:], "--help"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link is a file."""
    for target in _LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/departments.md", "docs/sources.md"])
def test_documented_sources_are_understood(page):
    """Every configuration of an ingestion that a page shows would be taken."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)]
    shown = [block for block in blocks if set(block) & set(IngestionSettings.model_fields)]
    assert shown
    for block in shown:
        IngestionSettings.model_validate({"store": "data/x", **block})


def test_every_key_of_a_source_is_documented():
    """On the page of sources, in quotes or in an example."""
    text = (ROOT / "docs" / "sources.md").read_text()
    models = (NetworkSettings, FileSource, ApiSource, PageSource, Auth, Incremental, NumberedPages, OffsetPages)
    keys = {key for model in (*models, CursorPages, LinkPages) for key in model.model_fields}
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", text)) == []


def test_every_field_of_a_dataset_is_documented():
    """On the page of datasets, as are the limits that settings have."""
    text = (ROOT / "docs" / "datasets.md").read_text()
    fields = {*Dataset.__dataclass_fields__, *Column.__dataclass_fields__, *DatasetLimits.model_fields} - {"dtype"}
    assert sorted(name for name in fields if not re.search(rf"\b{name}\b", text)) == []


def publish_customers(root, monkeypatch):
    """A checkout in which the department crm publishes its customers, and their table."""
    monkeypatch.setattr("airnub_data.published_datasets.checkout_around", lambda _path: root)
    for path, text in {
        "departments/crm/contracts/customers.v1.yaml": (
            "kind: dataset\ndescription: Customers.\ncode: crm.datasets:DATASETS\n"
            "fields: {name: string, country: string}\n"
        ),
        "configs/variables/crm/processing.yaml": f"store: store\ndatasets: {root / 'crm'}\n",
    }.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(text)
    columns = {"name": Column(pl.String), "country": Column(pl.String)}
    customers = Dataset(name="customers", source="crm", reader=Csv(), columns=columns)
    write_rows(Location(root / "crm"), customers, pl.DataFrame({"name": ["ada"], "country": ["ie"]}))


def test_the_documented_dataset_can_be_made_and_read(tmp_path, monkeypatch):
    """Every block of Python of that page runs, in its order."""
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "datasets.md").read_text()
    declaration, derived, joined, reading, asset = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(declaration, names)
    exec(derived, names)
    exec(joined, names)

    async def fill():
        network = NetworkSettings()
        async with open_engine(tmp_path / "store", network) as engine:
            item = Item("shop_sales", "https://example.org/sales.csv", network)
            content = b"id,customer,price,sold_at\n1,ada,9.99,2026-01-02T03:04:05Z\n1,ada,8.99,2026-02-02T03:04:05Z\n"
            await engine.settle([engine.keep(engine.begin(item, "sales.csv"), content, "text/csv", ())])

    asyncio.run(fill())
    location = Location(tmp_path / "datasets")
    for declared in (names["SALES"], names["SALES_BY_WEEKDAY"]):
        make_dataset(declared, tmp_path / "store", location)
    assert scan_dataset(location, names["SALES_BY_WEEKDAY"]).collect()["weekday"].to_list() == [1]
    publish_customers(tmp_path, monkeypatch)
    assert list(names["DATASETS"]) == ["sales", "revenue_by_country"]
    make_dataset(names["REVENUE"], None, location)
    [row] = scan_dataset(location, names["REVENUE"]).collect().to_dicts()
    assert (row["country"], str(row["day"]), row["sales"], str(row["revenue"])) == ("ie", "2026-02-02", 1, "8.99")
    exec(reading, names)
    exec(asset, names)
    assert names["report"].asset_deps[0].key == "airnub://shop/datasets/revenue_by_country"
    [row] = names["sales"].collect().to_dicts()
    assert str(row["price"]) == "8.99"
    assert {"_object", "_record"} <= set(names["traced"].collect().columns)


def test_every_command_is_documented():
    """Each command of the department and of the workspace stands on a page."""
    text = "\n".join(page.read_text() for page in PAGES)
    for name in COMMANDS["project-alpha"].commands:
        assert f"project-alpha {name}" in text
    for name in airnub.commands:
        assert f"airnub {name}" in text


def test_the_map_names_every_module():
    """ARCHITECTURE.md has every shared module, so that a newcomer can find it."""
    text = (ROOT / "ARCHITECTURE.md").read_text()
    modules = [path for path in ROOT.glob("packages/*/src/**/*.py") if not path.name.startswith("__")]
    modules += [path for path in ROOT.glob("departments/*/src/*/data_science/*.py") if not path.name.startswith("__")]
    missing = [path.stem for path in modules if not re.search(rf"`(\w+/)*{path.stem}(\.py)?`", text)]
    assert missing == []
