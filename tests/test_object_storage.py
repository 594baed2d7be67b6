"""Stages with a store in object storage and an index in PostgreSQL, both configured by blocks."""

import asyncio
import json
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner

from airnub_core.sample_site import SampleSite
from airnub_prefect.command.main import group

pytest.importorskip("project_alpha", reason="the example department was taken out")

from project_alpha.demo import DEMO
from project_alpha.department import DEPARTMENT
from project_alpha.settings import IngestionSettings, ProcessingSettings

WHERE = {"store": {"block": "s3-bucket/of-the-house"}, "index": {"block": "secret/index-of-the-house"}}


@pytest.fixture
def site():
    """The sample site of project_alpha."""
    with SampleSite(DEMO.routes(with_failure=False)) as running:
        yield running


@pytest.fixture
def bucket(prefect_api, s3, postgres_url):
    """The address of an empty bucket; its URL and that of an empty index are in blocks of the Prefect server."""
    from aws_blocks import AwsCredentials, S3Bucket
    from prefect.blocks.system import Secret

    address = s3.bucket()
    _, _, name, folder = address.url.split("/", 3)
    credentials = AwsCredentials(
        aws_access_key_id=address.options["access_key_id"],
        aws_secret_access_key=address.options["secret_access_key"],
        region_name=address.options["region"],
        aws_client_parameters={"endpoint_url": s3.endpoint},
    )
    for block, inside in (("of-the-house", folder), ("datasets-of-the-house", f"{folder}-datasets")):
        S3Bucket(bucket_name=name, bucket_folder=inside, credentials=credentials).save(block, overwrite=True)
    Secret(value=postgres_url).save("index-of-the-house", overwrite=True)
    return address


@pytest.fixture
def secrets(s3, postgres_url):
    """Secrets in plain and in encoded form, which must appear nowhere."""
    return [s3.secret.encode(), urlsplit(postgres_url).password.encode(), b"pass word/of:tests@"]


def run(name, settings):
    """Run a flow with settings from a Variable; returns the counts of its report."""
    from project_alpha.flows.ingestion import ingestion
    from project_alpha.flows.processing import processing

    flow, kind = {"ingestion": (ingestion, IngestionSettings), "processing": (processing, ProcessingSettings)}[name]
    report = asyncio.run(flow(kind.model_validate(settings)))
    return {kind: count for kind, count in report.counts.items() if count}


@pytest.mark.system
def test_stages_on_a_bucket(bucket, s3, secrets, site, data_root, prefect_api, prefect_home, monkeypatch):
    """All items are stored, the second run finds them unchanged, later stages read them, and no secret leaks."""
    from airnub_prefect.embedded.server import drain

    settings = DEMO.settings(site, data_root)["ingestion"].model_dump(mode="json", exclude_unset=True) | WHERE
    assert run("ingestion", settings) == {"stored": 7}
    assert run("ingestion", settings) == {"unchanged": 7}
    processing = {"datasets": {"block": "s3-bucket/datasets-of-the-house"}} | WHERE
    assert run("processing", processing) == {"stored": 3}
    assert run("processing", processing) == {"unchanged": 3}
    assert {path.name for path in data_root.rglob("*.sqlite")} == set()

    monkeypatch.setenv("PREFECT_API_URL", prefect_api)

    def command(*words, of="store", config_of=settings):
        config = data_root / "settings.yaml"
        config.write_text(json.dumps(config_of))
        done = CliRunner().invoke(group(DEPARTMENT), [of, *words, "--config", str(config)])
        assert done.exit_code == 0, done.output
        return done.output

    rows = {
        one["dataset"]: one["rows"] for one in json.loads(command("ls", "--json", of="dataset", config_of=processing))
    }
    assert rows["noaa_daily_weather"] == 2922
    assert "next run      nothing" in command("show", "noaa_daily_weather", of="dataset", config_of=processing)
    assert "precipitation: expected at least 0" in command(
        "quarantine", "noaa_daily_weather", of="dataset", config_of=processing
    )

    listed = json.loads(command("ls", "--json"))
    assert len(listed) >= 7
    assert f"{bucket.name}/{listed[0]['path']}" in command("show", listed[0]["path"])
    assert ": 0 damaged" in command("verify")
    [known] = json.loads(command("log", site.url("/weather/seattle.csv"), "--json"))
    assert [(one["current"], one["size"] > 0) for one in known["versions"]] == [(True, True)]
    assert command("gc").startswith("0 without a manifest")
    assert "manifests of" in command("reindex")
    assert command("partials").startswith("0 partial files")

    drain()
    written = [path for folder in (prefect_home, data_root) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("prefect.db") for path in written)
    for path in written:
        content = path.read_bytes()
        assert not [secret for secret in secrets if secret in content], path
