"""infra/prometheus: alert rules fire when they should, on existing metrics, and docs/watching.md explains each."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import REGISTRY

import airnub_prefect.worker.metrics  # noqa: F401  # defines the metrics of workers

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "infra" / "prometheus"
RULES = [rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]]
OURS = sorted(one.name for one in REGISTRY.collect() if one.name.startswith("airnub_"))


@pytest.fixture(scope="session")
def promtool():
    """The path of promtool; without it, tests are skipped on a laptop and fail in CI."""
    found = shutil.which("promtool")
    if found is None:
        reason = "expected promtool on the PATH (Debian's package prometheus has it), found none"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    return found


@pytest.mark.parametrize(
    "arguments", [["check", "config", "prometheus.yaml"], ["test", "rules", "rules.test.yaml"]], ids=" ".join
)
def test_promtool_accepts(promtool, arguments):
    """The configuration, its rules, and test series for healthy and failing systems."""
    done = subprocess.run([promtool, *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_a_rule_asks_for_metrics_that_exist(rule):
    """`rules.test.yaml` has a case in which the rule fires."""
    asked = set(re.findall(r"\b(?:airnub|process)_\w+", re.sub(r'"[^"]*"', "", rule["expr"])))
    # Only on Linux, so not in every machine's registry.
    assert asked <= {*OURS, "process_resident_memory_bytes"}
    assert asked or "up{" in rule["expr"]
    tests = yaml.safe_load((FOLDER / "rules.test.yaml").read_text())["tests"]
    fired = {one["alertname"] for test in tests for one in test["alert_rule_test"] if one.get("exp_alerts")}
    assert rule["alert"] in fired


def test_the_page_has_every_metric_and_every_rule():
    """docs/watching.md lists them for operators."""
    page = (ROOT / "docs" / "watching.md").read_text()
    assert [name for name in OURS if f"`{name}`" not in page] == []
    assert [rule["alert"] for rule in RULES if f"`{rule['alert']}`" not in page] == []


def test_scraped_are_the_services_of_compose():
    """The server and the worker of each department, on the ports on which they listen."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    jobs = {
        one["job_name"]: [target for static in one["static_configs"] for target in static["targets"]]
        for one in yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    }
    assert jobs["airnub-server"] == ["server:4200"]
    assert services["server"]["environment"]["PREFECT_SERVER_METRICS_ENABLED"] == "true"
    workers = [name for name in services if name.startswith("worker-")]
    ports = {f"{name}:{services[name]['environment']['AIRNUB_METRICS_PORT']}" for name in workers}
    assert set(jobs["airnub-workers"]) <= ports
