"""The documentation: commands on pages are parsed and run, links have targets, and examples are valid."""

import ast
import asyncio
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from airnub_cli.__main__ import main as airnub
from airnub_core import (
    ApiSource,
    Auth,
    CursorPages,
    FileSource,
    Incremental,
    Item,
    LinkPages,
    NetworkSettings,
    NumberedPages,
    OffsetPages,
    PageSource,
    open_engine,
)
from airnub_core.contracts.limits import DatasetLimits
from airnub_data import Column, Csv, Dataset, Location, make_dataset, scan_dataset
from airnub_data.columns import RECORD
from airnub_data.testing import conformed, write_rows
from department_template.settings import IngestionSettings

sys.path.insert(0, str(Path(__file__).parent / "importable"))
sys.path.insert(0, str(Path(__file__).parents[1] / "packages/airnub-core/tests/importable"))
from documented_commands import (
    COMMANDS,
    UnknownArgumentError,
    can_be_typed,
    commands_of,
    expect_run_by,
    mentions_of,
    parse,
    words_of,
)
from readme_blocks import blocks
from recording import RecordingServer

ROOT = Path(__file__).parents[1]
# Skips environments and caches, which have most of the files.
PAGES = [
    path
    for place in sorted(ROOT.iterdir())
    if not place.name.startswith((".", "data", "node"))
    for path in ([place] if place.suffix == ".md" else sorted(place.rglob("*.md")))
    if not any(part.startswith((".", "data", "node")) for part in path.relative_to(ROOT).parent.parts)
]
SCHEDULES = "tests/test_deployments.py::test_schedules_are_paused_and_resumed"
UPSTREAM = "tests/test_upstream.py::test_what_both_sides_changed_is_merged"
RUN_ELSEWHERE = {
    "pip install uv && uv run --all-packages pytest": ".ci/run::tests",
    "uv run --all-packages pytest": ".ci/run::tests",
    "uv run --all-packages pytest -m system": ".ci/run::system",
    "uv run pytest": "tests/clean_clone.py::FURTHER",
    "uv run pytest -m system": ".ci/run::system",
    "uv run --all-packages python tests/importable/command_reference.py": (
        "tests/test_command_reference.py::test_the_script_writes_the_page"
    ),
    "uv sync --all-packages --group lint": ".ci/run::lint",
    "uv run --no-sync python .ci/plain_words.py --update": (
        "tests/test_plain_words.py::test_a_smaller_number_has_to_be_recorded"
    ),
    ".ci/difference origin/main production": "tests/test_workflows.py::test_what_would_be_different",
    ".ci/deploy production production.yaml": "tests/test_workflows.py::test_an_environment_is_configured_then_deployed",
    "docker compose up --wait": "tests/docker/conftest.py::up",
    "docker compose down": "tests/docker/conftest.py::system",
    "docker compose build": "tests/docker/conftest.py::images",
    "docker compose --profile tls up --wait": "tests/docker/test_system_watching.py::watched",
    "docker compose cp tls:/data/caddy/pki/authorities/local/root.crt airnub-root.crt": (
        "tests/docker/test_system_watching.py::authority"
    ),
    "docker compose up -d --wait": (
        "tests/docker/test_system_backup.py::test_an_empty_machine_is_as_the_one_that_was_backed_up"
    ),
    "docker compose run --rm setup airnub apply --env production --switch": (
        "tests/docker/test_trouble.py::test_up_keeps_the_environment_of_the_server"
    ),
    "docker compose exec server prefect deployment run project-alpha-ingestion/project-alpha-ingestion --watch": (
        "tests/docker/test_system.py::test_a_stage_runs_in_a_container_of_its_department"
    ),
    "docker compose exec site project-alpha store ls --store /data/data/project_alpha": (
        "tests/docker/test_system.py::test_the_data_is_in_the_volume"
    ),
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion --watch": (
        "tests/test_dev.py::test_everything_is_there_after_one_command_and_gone_after_one_key"
    ),
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion --param failed=true --watch": (
        "tests/test_flow_of_data.py::test_what_can_be_made_is_made_whatever_fails_or_is_lost"
    ),
    "uv run prefect deployment run project-alpha-ingestion/project-alpha-ingestion "
    "--param 'sources=[\"noaa_daily_weather\"]' --watch": (
        "tests/test_flow_of_data.py::test_what_can_be_made_is_made_whatever_fails_or_is_lost"
    ),
    "uv run prefect deployment schedule ls project-alpha-ingestion/project-alpha-ingestion": SCHEDULES,
    "uv run prefect deployment schedule pause project-alpha-ingestion/project-alpha-ingestion "
    "3f9a27c1-0b52-4c0e-9d0a-2f6f1c7e5b11": SCHEDULES,
    "uv run prefect deployment schedule resume project-alpha-ingestion/project-alpha-ingestion "
    "3f9a27c1-0b52-4c0e-9d0a-2f6f1c7e5b11": SCHEDULES,
    "git remote add upstream https://example.org/airnub.git": UPSTREAM,
    "git fetch upstream": UPSTREAM,
    "git merge upstream/main": UPSTREAM,
    "uv lock": UPSTREAM,
    "uv run prefect server start": "tests/test_deployments.py::server",
    "uv run prefect deploy --all": "tests/test_deployments.py::deploy_on_a_terminal",
    "uv run prefect deploy --all --prefect-file cluster.yaml": (
        "tests/test_deployments.py::test_a_second_deploy_changes_nothing"
    ),
    "uv run prefect deploy --all --prefect-file data/processes.yaml": (
        "tests/test_deployments.py::test_a_second_deploy_changes_nothing"
    ),
    "uv run prefect deploy --all --prefect-file production.yaml": (
        "tests/test_deployments.py::test_a_second_deploy_changes_nothing"
    ),
    "PREFECT_HOME=/tmp/fresh uv run prefect server database upgrade -y": (
        "packages/airnub-prefect/tests/embedded/test_database.py::migrate"
    ),
    "uv run python -m airnub_prefect.embedded.database /tmp/fresh": (
        "packages/airnub-prefect/tests/embedded/test_database.py::test_the_snapshot_makes_itself"
    ),
}
"""Commands of third-party programs, each with the test, fixture or helper that runs it (`tests/test_x.py::test_y`), or
the stage (`.ci/run::stage`). The strings of a test must contain the command's subcommands and options.

Commands of this repository's programs need no entry. A new command of a third-party program needs one, here or below.
"""
TYPED_BY_THE_README_TEST = {words for block in blocks() for words in commands_of(f"```sh\n{block}```")}
"""As that page has them."""
PARSED_ALONE = {
    "uv run --group lint pre-commit install": "it changes the git hooks of the checkout",
    "docker compose logs --follow worker-project-alpha": "it does not end",
    "docker compose --file docker-compose.yml build server project-alpha": "the images of a test are built together",
    "kubectl --namespace airnub port-forward service/server 4200:4200": "it needs a cluster",
    "uv run airnub kubernetes --env cluster | kubectl apply -f -": "it needs a cluster",
}
"""What no test runs, and why."""
DEMO = ("pip install uv && uv run project-alpha demo", "tests/clean_clone.py")
READ_ONLY = {
    "airnub": ("affected", "compile", "contract", "doctor", "kubernetes", "members", "sbom", "template status"),
    "project-alpha": ("list", "store", "dataset"),
}
"""Commands that a test runs as pages show them: they change no file of the checkout, and need no server."""
PLACEHOLDERS = ("https://example.org/", "3f9a27c1", "rollback", "release", "--as-of")
"""In commands whose URL, digest, version or time a demo does not have: exit status 1 is right for those, too."""


def documented(found):
    """Each command with the first page that has it; the changelog, which describes earlier versions, is excluded."""
    pages = {}
    for page in PAGES:
        for command in found(page.read_text()) if page.name != "CHANGELOG.md" else ():
            pages.setdefault(command, page.relative_to(ROOT))
    return pages


DOCUMENTED = documented(commands_of)
_LINK = re.compile(r"\]\(([^)#]+)\)")


@pytest.mark.parametrize(
    "command",
    [
        # Each benchmark is started as a process, since it imports the modules that it measures.
        pytest.param(command, id=f"{page}: {command}", marks=[pytest.mark.system] if "-m benchmarks" in command else [])
        for command, page in DOCUMENTED.items()
    ],
)
def test_a_documented_command_can_be_typed(command):
    """Its program parses all its arguments, and named objects exist; a test runs third-party programs."""
    parsed = [parse(words) for words in words_of(command)]
    is_ours = all(parsed) and "prefect " not in command and not command.startswith("docker ")
    if command in RUN_ELSEWHERE:
        expect_run_by(RUN_ELSEWHERE[command], command)
    elif not is_ours:
        known = TYPED_BY_THE_README_TEST | PARSED_ALONE.keys() | {DEMO[0]}
        assert command in known or command.startswith("export "), (
            f"expected a test that runs `{command}`; name it in RUN_ELSEWHERE, or say in PARSED_ALONE why none can"
        )


def test_commands_that_sentences_name_exist():
    """With their options; required arguments may be missing."""
    wrong = []
    for command, page in documented(mentions_of).items():
        try:
            parse(words_of(command)[0], is_whole=False)
        except UnknownArgumentError as error:
            wrong.append(f"{page}: {error}")
    assert wrong == []


@pytest.mark.parametrize("table", [RUN_ELSEWHERE, PARSED_ALONE], ids=["run elsewhere", "parsed alone"])
def test_no_page_has_lost_a_command_of_a_table(table):
    """An entry of the table is removed with its command."""
    assert sorted(filter(can_be_typed, table.keys() - DOCUMENTED.keys())) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("uv run --package department-template department-template run nostage", "'nostage' is not one of"),
        ("uv run --package department-template department-template run ingestion --source nosource", "found nosource"),
        ("uv run --package department-template department-template dataset show nodataset", "found nodataset"),
        ("uv run airnub compile --env nowhere", "found nowhere"),
        ("uv run airnub images noimage", "found noimage"),
        ("uv run airnub check extra", "unexpected extra argument"),
        ("uv run airnub affected", "Missing option '--base'"),
        ("uv run airnub nothing", "expected one of"),
        ("uv run --package nomember nomember run", "expected a member"),
        ("uv run --group nogroup pytest", "found nogroup"),
        ("uv run prefect deploy --everything", "--everything"),
        ("uv run prefect deployment run noflow/nothing", "expected one of the deployments"),
        ("uv run prefect worker start --pool nopool", "found nopool"),
        ("docker compose logs noservice", "expected services"),
        ("docker compose exec server prefect nothing", 'Unknown command "nothing"'),
        (".ci/run nostage", "expected stages"),
        ("uv run airnub members | uv run airnub nothing", "expected one of"),
    ],
)
def test_a_command_that_cannot_be_typed_is_noticed(command, reason):
    """Its arguments are parsed, and the names among them are looked up."""
    *_, words = words_of(command)
    with pytest.raises(UnknownArgumentError, match=re.escape(reason)):
        parse(words)


@pytest.mark.parametrize(
    "place",
    [
        "tests/docker",
        "tests/test_x.py::test_x",
        "tests/test_dev.py::test_x",
        "tests/test_readme.py::free_port",
        "by hand",
    ],
)
def test_a_place_that_does_not_run_a_command_is_noticed(place):
    """A file or test that does not exist, or one without the command's words."""
    with pytest.raises(AssertionError, match="expected"):
        expect_run_by(place, "docker compose up --wait")


def run_here(program):
    """The documented commands of one program that a test can run, each with its arguments."""
    found = {}
    for command in DOCUMENTED:
        for words in words_of(command) if "|" not in command else ():
            if program in words[:6] and words[:2] == ["uv", "run"]:
                arguments = words[
                    words.index(program) + (2 if words.count(program) > 1 and words[2] == "--package" else 1) :
                ]
                if " ".join(arguments).startswith(READ_ONLY[program]):
                    found.setdefault(tuple(arguments), command)
    return list(found)


@pytest.mark.system
def test_documented_commands_of_the_workspace_run(tmp_path, monkeypatch):
    """In a clone, exactly as the pages have them."""
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
    subprocess.run(["git", "update-ref", "refs/remotes/origin/main", "HEAD"], cwd=clone, check=True)
    subprocess.run(["git", "branch", "--force", "main"], cwd=clone, check=False, capture_output=True)
    monkeypatch.chdir(clone)
    commands = run_here("airnub")
    assert len(commands) > 12
    for arguments in commands:
        done = CliRunner().invoke(airnub, list(arguments))
        # `doctor` fails if this machine lacks something.
        assert done.exit_code == 0 or (arguments[0] == "doctor" and done.exit_code == 1), (arguments, done.output)


@pytest.mark.system
@pytest.mark.example
def test_documented_commands_of_a_department_run(tmp_path, monkeypatch):
    """Exactly as the pages have them, on the data of a demo."""
    monkeypatch.setenv("AIRNUB_DATA_ROOT", str(tmp_path))
    subprocess.run([sys.executable, "-m", "project_alpha", "demo"], cwd=ROOT, check=True, capture_output=True)
    made = tmp_path / "data" / "demo" / "project_alpha"
    for kind, places in (("store", ("data", "data/dev/data")), ("datasets", ("datasets", "data/dev/datasets"))):
        for place in places:
            shutil.copytree(made / kind, tmp_path / place / "project_alpha")
    monkeypatch.chdir(tmp_path)
    commands = run_here("project-alpha")
    assert len(commands) > 20
    for arguments in commands:
        done = CliRunner().invoke(COMMANDS["project-alpha"], list(arguments))
        is_placeholder = any(one in " ".join(arguments) for one in PLACEHOLDERS)
        assert done.exit_code == 0 or (is_placeholder and done.exit_code == 1), (arguments, done.output, done.exception)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    """Every relative link is an existing file."""
    for target in _LINK.findall(page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", ["README.md", "docs/departments.md", "docs/sources.md"])
def test_documented_sources_are_understood(page):
    """Every example of an ingestion's configuration is valid."""
    blocks = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)]
    shown = [block for block in blocks if set(block) & set(IngestionSettings.model_fields)]
    assert shown
    for block in shown:
        IngestionSettings.model_validate({"store": "data/x", **block})


def test_every_key_of_a_source_is_documented():
    """On the page of sources, in backticks or in an example."""
    text = (ROOT / "docs" / "sources.md").read_text()
    models = (NetworkSettings, FileSource, ApiSource, PageSource, Auth, Incremental, NumberedPages, OffsetPages)
    keys = {key for model in (*models, CursorPages, LinkPages) for key in model.model_fields}
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", text)) == []


def test_every_field_of_a_dataset_is_documented():
    """On the page of datasets, together with the limits in settings."""
    text = (ROOT / "docs" / "datasets.md").read_text()
    fields = {*Dataset.__dataclass_fields__, *Column.__dataclass_fields__, *DatasetLimits.model_fields} - {"dtype"}
    assert sorted(name for name in fields if not re.search(rf"\b{name}\b", text)) == []


def publish_customers(root, monkeypatch):
    """A checkout in which the department crm publishes its customers, with their table."""
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
    """Every block of Python on the page runs, in order."""
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
            await engine.commit([engine.keep(engine.begin(item, "sales.csv"), content, "text/csv", ())])

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


def test_the_documented_client_asks_and_keeps(tmp_path):
    """The example of `docs/client.md` runs against a site that creates the ordered report."""
    [example] = re.findall(r"```python\n(.*?)```", (ROOT / "docs/client.md").read_text(encoding="utf-8"), re.DOTALL)
    namespace = {}
    exec(example, namespace)

    def answer(asked):
        made = json.dumps({"url": server.url("/export")}).encode()
        return 200, {}, made if asked.method == "POST" else b"a,b\n"

    server = RecordingServer(answer)
    try:
        source = ApiSource(name="shop", url=server.url("/orders"), auth={"block": "secret/shop", "prefix": "Bearer "})
        network = NetworkSettings(allow_private_hosts=True)
        running = namespace["order_export"](tmp_path, source, network, lambda reference: f"value of {reference}")
        [outcome] = asyncio.run(running)
    finally:
        server.close()
    assert (tmp_path / outcome.path).read_bytes() == b"a,b\n"
    assert [asked.header("authorization") for asked in server.asked] == ["Bearer value of secret/shop"] * 2


@pytest.mark.example
def test_the_picture_of_the_readme_is_current(tmp_path):
    """docs/rain.png is the plot that the code draws of the sample data; fonts may differ by a shade between systems."""
    from matplotlib.image import imread

    from project_alpha.datasets import WEATHER
    from project_alpha.demo import FOLDER
    from project_alpha.rain_report import write_rain_report

    rows = conformed(WEATHER, *(path.read_bytes() for path in sorted((FOLDER / "weather").glob("*.csv")))).rows
    write_rows(Location(tmp_path / "datasets"), WEATHER, rows.unique(WEATHER.key, keep="last").drop(RECORD))
    drawn = write_rain_report(Location(tmp_path / "datasets"), tmp_path / "reports").plot
    assert drawn
    now, then = imread(drawn), imread(ROOT / "docs/rain.png")
    advice = "run `project-alpha demo`, and copy rain.png of its report to docs/"
    assert now.shape == then.shape, advice
    assert abs(now - then).mean() < 0.0005, advice


def test_every_command_is_documented():
    """Each command of the department and of the workspace is on a page."""
    text = "\n".join(page.read_text() for page in PAGES)
    for name in COMMANDS["department-template"].commands:
        assert f"project-alpha {name}" in text
    for name in airnub.commands:
        assert f"airnub {name}" in text


FOLDERS = [path.parent for path in sorted(ROOT.glob("packages/*/src/**/__init__.py"))]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.relative_to(ROOT / "packages").as_posix())
def test_first_lines_of_a_folder_name_its_modules(folder):
    """The docstring of `__init__.py` lists the folder's modules, so that ARCHITECTURE.md need not."""
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    modules = [path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()]
    assert sorted(name for name in modules if name[0] != "_" and not re.search(rf"\b{name}\b", said)) == []


NO_FILES = {"airnub", "allow_private_hosts", "partial/"}
"""In ARCHITECTURE.md: a command, a setting, and a folder of a store."""


def named_in_the_map():
    """Each file, folder and module in ARCHITECTURE.md, with the folder that it must be in."""
    inside = ROOT
    for line in (ROOT / "ARCHITECTURE.md").read_text().splitlines():
        if heading := re.match(r"#+ (.*)", line):
            member = ROOT / "packages" / heading[1]
            inside = member if member.is_dir() else ROOT
        row = re.match(r"\| `(\w+)/` \|", line)
        for name in re.findall(r"`([\w./-]+)`", line):
            if name not in NO_FILES and re.search(r"/|\.(lock|md|py|sh|toml|ya?ml)$", name):
                yield name, inside if name.endswith(".py") else ROOT
            elif name not in NO_FILES and re.fullmatch(r"[a-z_]+", name) and line.startswith("|"):
                # A row about a folder names the modules in it.
                at = ROOT if name.startswith("airnub_") else inside
                yield name, next(at.glob(f"src/*/{row[1]}"), at) if row else at


@pytest.mark.example
def test_what_the_map_names_exists():
    """A module that was moved or removed is reported."""
    kept = {
        folder: {f"/{path.relative_to(ROOT).as_posix()}" for path in folder.rglob("*") if ".venv" not in path.parts}
        for folder in {inside for _, inside in named_in_the_map()}
    }
    endings = ("", ".py")
    missing = {
        f"{name}, in {inside.relative_to(ROOT)}"
        for name, inside in named_in_the_map()
        if not any(path.endswith(f"/{name.rstrip('/')}{ending}") for path in kept[inside] for ending in endings)
    }
    assert sorted(missing) == []
