"""Notifications."""

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings

from airnub_cli.apply.notifications import addressed, notification_name, receivers_of, wrong_placeholders
from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.registry import Names, Registered
from airnub_cli.prefect_api import prefect_server
from airnub_prefect.embedded.database import prepare
from airnub_prefect.errors import ConfigurationError

AUTOMATIONS = Path(__file__).parents[4] / "configs" / "automations"
STAGES = ("ingestion", "analysis")
REGISTRY = """\
departments:
  - id: {department}
    display_name: Shop & Co
    owner: team-sales
    contacts: ["Ann: 7th floor", sales@example.org]
    status: {status}
"""
BLOCK = """\
type: custom-webhook
name: {name}
fields:
  name: tell
  url: "${{HOOK}}"
  method: POST
  allow_private_urls: true
  json_data: {{subject: "{{{{subject}}}}", body: "{{{{body}}}}"}}
"""


@pytest.fixture
def automation(repository):
    """The name of the department's automation."""
    return notification_name(Names(repository.department))


@pytest.fixture
def told(repository):
    """A registry, and the environment `loud` with a block of the department's own."""

    def write(status="active", block="custom-webhook/{department}"):
        repository.write("configs/departments.yaml", REGISTRY.format(department=repository.department, status=status))
        repository.write("configs/environments/loud.yaml", f"description: x\nnotifications: {block}\n")
        repository.write("configs/blocks/hook.yaml", BLOCK.format(name=Names(repository.department).slug))

    write()
    return write


@pytest.fixture
def receiver():
    """A webhook on loopback: its URL, and its received messages."""
    received = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/", received
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def whole_server(tmp_path):
    """The API of a server with all its services; the one of other tests does not run automations."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    settings = {
        "PREFECT_HOME": str(tmp_path / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # They would take as long as all else of its start.
        "PREFECT_SERVER_DATABASE_MIGRATE_ON_START": "false",
        # What is looked for every 15 s, and called late after as much.
        "PREFECT_SERVER_SERVICES_FOREMAN_LOOP_SECONDS": "1",
        "PREFECT_SERVER_SERVICES_LATE_RUNS_AFTER_SECONDS": "1",
    }  # fmt: skip
    assert prepare(tmp_path / "home")
    command = [sys.executable, "-m", "prefect", "server", "start", "--no-ui", "--port", str(port)]
    process = subprocess.Popen(
        command, env=kept | settings, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while time.monotonic() < until and process.poll() is None:
            try:
                urlopen(f"http://127.0.0.1:{port}/api/ready").close()
                break
            except URLError:
                time.sleep(0.2)
        with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{port}/api"}), prefect_server() as server:
            yield server
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            # Prefect 3.9.1 may close its port and then not end: seen once, an hour long.
            process.kill()
            process.wait()


def wait_for(happened):
    """Wait until a condition holds."""
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def names(repository, environment):
    """The names of the automations of an environment."""
    return [one.says.name for one in repository.wanted(environment, values={"HOOK": "x"}).automations]


def test_only_where_the_environment_names_a_block(repository, told, automation):
    """And only for departments that are deployed."""
    assert names(repository, "local") == []
    assert names(repository, "loud") == [automation]
    told(status="retired")
    assert names(repository, "loud") == []


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("secret/token", "loud.yaml:2: expected a block that sends notifications, such as slack-webhook/NAME"),
        ("slack-webhook", "loud.yaml:2: notifications: "),
        ("slack-webhook/{team}", "loud.yaml:2: notifications: "),
    ],
)
def test_a_block_that_does_not_notify_is_a_mistake(repository, told, block, expected):
    """It is reported with the line of the environment."""
    told(block=block)
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted("loud", values={"HOOK": "x"})
    assert expected in str(raised.value)


def test_braces_in_the_registry_are_a_mistake(repository, told):
    """They would be parsed as a part of the message's template."""
    path = repository.root / "configs" / "departments.yaml"
    path.write_text(path.read_text().replace("sales@example.org", '"{{ x }}"'))
    with pytest.raises(ConfigurationError, match=r"departments\.yaml:5: departments\.0\.contacts\.1"):
        repository.wanted("loud", values={"HOOK": "x"})


@pytest.mark.system
def test_contacts_are_notified_of_a_failed_run_once(repository, told, automation, whole_server, receiver):
    """Not of a run without a deployment, or one that completes."""
    url, received = receiver
    assert repository.actions("loud", values={"HOOK": url})[automation] == "created"
    assert repository.actions("loud", values={"HOOK": url})[automation] == "unchanged"
    flow = whole_server.post("/flows/", {"name": repository.pool})
    tags = ["airnub", f"department:{repository.department}"]
    deployment = whole_server.post(
        "/deployments/", {"name": f"{repository.pool}-ingestion", "flow_id": flow["id"], "tags": tags}
    )
    part = whole_server.post("/flow_runs/", {"flow_id": flow["id"], "tags": tags, "state": {"type": "RUNNING"}})
    runs = [whole_server.post(f"/deployments/{deployment['id']}/create_flow_run", {}) for _ in range(2)]
    states = [(part, "FAILED", "3 items"), (runs[0], "COMPLETED", ""), (runs[1], "FAILED", "3 of 5 items failed")]
    # The server begins to listen some time after it has started.
    for _ in range(20):
        for run, state, message in states:
            body = {"state": {"type": state, "message": message, "name": state.title()}, "force": True}
            whole_server.post(f"/flow_runs/{run['id']}/set_state", body)
        if received:
            break
        time.sleep(1)
    [sent] = received
    assert sent["subject"] == f"Shop & Co: {runs[1]['name']} of {deployment['name']} is Failed"
    lines = sent["body"].splitlines()
    assert lines[0] == "3 of 5 items failed"
    assert lines[-3].startswith("Run: ")
    assert runs[1]["id"] in lines[-3]
    assert lines[-2:] == ["Owner: team-sales", "Contacts: Ann: 7th floor, sales@example.org"]


@pytest.mark.system
def test_every_alert_fires(repository, told, whole_server, receiver, tmp_path):
    """As committed, but with short windows: no worker, a late run, a full disk, a failed housekeeping.

    A late run that is taken in time causes none.
    """
    url, received = receiver
    told(block="custom-webhook/hook")
    repository.write("configs/blocks/hook.yaml", BLOCK.format(name="hook"))
    for path in AUTOMATIONS.glob("alert-*.yaml"):
        short = re.sub(r"within: (120|600)", "within: 10", path.read_text())
        repository.write(f"configs/automations/{path.name}", short)
    repository.write(f"infra/work-pools/{repository.pool}.yaml", f"name: {repository.pool}\ntype: process\n")
    done = repository.actions("loud", values={"HOOK": url})
    alerts = {f"pool-without-worker-{repository.pool}", f"late-runs-{repository.pool}", "disk-filling"}
    assert {done[name] for name in alerts} == {"created"}
    assert {repository.actions("loud", values={"HOOK": url})[name] for name in alerts} == {"unchanged"}

    flow = whole_server.post("/flows/", {"name": repository.pool})
    tags = ["airnub", f"department:{repository.department}"]
    deployments = {
        name: whole_server.post(
            "/deployments/", {"name": f"{repository.pool}-{name}", "flow_id": flow["id"], "tags": tags}
        )["id"]
        for name in (*STAGES, "housekeeping")
    }
    code = "import pathlib, airnub_prefect.disk as disk; disk.disk(pathlib.Path('/'), limit=-1)"
    environment = os.environ | {"PREFECT_API_URL": PREFECT_API_URL.value(), "AIRNUB_MACHINE": "berlin-2"}
    # The server begins to listen some time after it has started: the first alert is asked for until it comes.
    failed = whole_server.post(f"/deployments/{deployments['housekeeping']}/create_flow_run", {})
    state = {"type": "FAILED", "name": "Failed", "message": "No space left on device"}
    wait_for(lambda: whole_server.post(f"/flow_runs/{failed['id']}/set_state", {"state": state, "force": True})
        and (received or time.sleep(1)))  # fmt: skip
    heartbeat = {"name": "worker", "heartbeat_interval_seconds": 1}
    whole_server.post(f"/work_pools/{repository.pool}/workers/heartbeat", heartbeat)
    late, taken = (whole_server.post(f"/deployments/{deployments[name]}/create_flow_run", {})["id"] for name in STAGES)
    subprocess.run([sys.executable, "-c", code], env=environment, cwd=tmp_path, check=True)
    wait_for(lambda: whole_server.get(f"/flow_runs/{taken}")["state"]["name"] == "Late")
    body = {"state": {"type": "PENDING", "name": "Pending"}, "force": True}
    whole_server.post(f"/flow_runs/{taken}/set_state", body)
    expected = {
        f"Shop & Co: {failed['name']} of {repository.pool}-housekeeping is Failed",
        f"Shop & Co: the work pool {repository.pool} has no worker",
        f"Shop & Co: runs of {repository.pool}-ingestion are late",
    }
    wait_for(lambda: len({one["subject"] for one in received}) >= 4)
    found = {one["subject"]: one["body"] for one in received}
    [disk] = set(found) - expected
    assert set(found) == expected | {disk}
    assert re.fullmatch(r"berlin-2: the disk is \d+ % full", disk)
    assert re.match(r"\d+\.\d of \d+\.\d GiB are free at / of\nberlin-2\.", found[disk])
    assert late in found[f"Shop & Co: runs of {repository.pool}-ingestion are late"]
    assert (
        "Owner: team-sales\nContacts: Ann: 7th floor"
        in found[f"Shop & Co: the work pool {repository.pool} has no worker"]
    )


ALERT = """\
name: late-{department}
trigger:
  type: event
  posture: Reactive
  match_related: {prefect.resource.id: "prefect.tag.department:{module}"}
  expect: [prefect.flow-run.Late]
  threshold: 1
actions:
  - type: send-notification
    block: notifications
    subject: "{display}: {{ flow_run.name }}"
    body: "{pool} of {owner}: {contacts}"
"""


def department(name, status="active"):
    return Registered(id=name, display_name=name.title(), owner="team-x", contacts=["a@b.c", "Ann"], status=status)


def receivers(block, *names, **more):
    """The receivers of an environment with that block."""
    environment = EnvironmentFile(description="x", notifications=block, **more)
    return receivers_of(environment, [*map(department, names), department("gone", "retired")])


def alert(name="late-{department}", **more):
    return {"name": name, "tags": ["x"], "actions": [{"type": "send-notification", "block": "notifications"} | more]}


def test_one_for_each_active_department():
    """Each has its names, pool and block; the placeholders of the server are kept."""
    found = receivers("slack-webhook/{department}", "my_shop", pools={"my-shop": {"name": "big"}})
    [made] = addressed(alert(subject="{department} {module} {pool} {display} {owner} {contacts} {{ pool }}"), found)
    assert made["name"] == "late-my-shop"
    assert made["tags"] == ["x", "department:my_shop", "owner:team-x"]
    [action] = made["actions"]
    assert action["block"] == "slack-webhook/my-shop"
    assert action["subject"] == "my-shop my_shop big My_Shop team-x a@b.c, Ann {{ pool }}"


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("slack-webhook/operators", ["slack-webhook/operators"]),
        ("slack-webhook/{department}", ["slack-webhook/shop", "slack-webhook/zoo"]),
    ],
)
def test_one_for_all_is_sent_once_to_each_block(block, expected):
    """Two departments that share a block do not get the message twice."""
    [made] = addressed(alert("disk"), receivers(block, "shop", "zoo"))
    assert [action["block"] for action in made["actions"]] == expected


def test_without_receivers_there_is_no_alert():
    """Other automations are unchanged."""
    assert list(addressed(alert(), receivers(None, "shop"))) == []
    assert list(addressed(alert("disk"), receivers(None, "shop"))) == []
    other = {"name": "x-{pool}", "actions": [{"type": "do-nothing"}]}
    assert list(addressed(other, receivers(None, "shop"))) == [other]
    assert list(wrong_placeholders(other)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("{pool}", "{pol}", "a.yaml:12: unknown placeholder {pol}; did you mean 'pool'?"),
        ("{module}", "{modul}", "a.yaml:5: unknown placeholder {modul}"),
        ("late-{department}", "late", "a.yaml:12: {pool} differs by department: expected {department} in the name"),
        (
            "block: notifications",
            "block: notification",
            "such as slack-webhook/operators, or notifications",
        ),
    ],
)
def test_an_unknown_placeholder_is_a_mistake(repository, old, new, expected):
    """It is reported with its line, also in an environment without receivers."""
    repository.write("configs/automations/a.yaml", ALERT.replace(old, new))
    with pytest.raises(ConfigurationError) as raised:
        repository.wanted()
    assert expected in str(raised.value)
