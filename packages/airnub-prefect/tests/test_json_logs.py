"""Logs as JSON: every line of a process is one object."""

import io
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest

FLOW = """
import warnings
from prefect import flow, get_run_logger, task

@task
def part():
    get_run_logger().warning("two\\nlines of %s", "a part")

@flow(name="logged")
def logged():
    print("printed")
    warnings.warn("a warning", stacklevel=1)
    part()
    raise ValueError("broken: {x}")

if __name__ == "__main__":
    logged()
"""
OUTER = "invalid literal for int() with base 10: 'outer'"
SETTING = {
    "AIRNUB_LOG_FORMAT": "json",
    "PREFECT_LOGGING_HANDLERS_CONSOLE_CLASS": "airnub_prefect.json_logs.ConsoleHandler",
}


def record(message, *arguments, **more):
    return logging.LogRecord("a.b", logging.INFO, "x.py", 1, message, arguments, more.get("exc_info"))


def test_a_record_is_one_line():
    """With the message as it reads, the time in UTC, and what Prefect knows of the run."""
    from airnub_prefect.json_logs import JsonFormatter

    made = record("%s\nis %d", "ä", 3)
    made.created = 1767312245.678
    made.flow_run_id = "0199"
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "2026-01-02T00:04:05.678Z", "level": "INFO", "logger": "a.b", "message": "ä\nis 3",
        "flow_run_id": "0199",
    }  # fmt: skip


def test_an_exception_is_in_its_record():
    """Its type, its message and its traceback."""
    from airnub_prefect.json_logs import JsonFormatter

    try:
        int("outer")
    except ValueError:
        line = JsonFormatter().format(record("failed", exc_info=sys.exc_info()))
    said = json.loads(line)
    assert "\n" not in line
    assert (said["exception"], said["exception_message"]) == ("ValueError", OUTER)
    assert said["traceback"].startswith("Traceback (most recent call last)")
    assert said["traceback"].rstrip().endswith(f"ValueError: {OUTER}")


def test_printed_lines_become_records_and_json_stays():
    """Lines of several threads are not mixed."""
    from airnub_prefect.json_logs import JsonLines

    stream = io.StringIO()
    lines = JsonLines(stream, "stdout", "INFO")

    def write(letter):
        for _ in range(200):
            print(letter * 3, letter, file=lines)

    threads = [threading.Thread(target=write, args=(letter,)) for letter in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines.write('\n{"message": 1}\n{no json}\nunfinished')
    *printed, last, odd = map(json.loads, stream.getvalue().splitlines())
    assert sorted({one["message"] for one in printed}) == ["aaa a", "bbb b", "ccc c"]
    assert (len(printed), last, odd["message"]) == (600, {"message": 1}, "{no json}")
    assert (odd["logger"], odd["level"]) == ("stdout", "INFO")


def test_without_the_variable_prefect_logs_as_ever(tmp_path):
    """The class is that of Prefect where the variable is empty or asks for another format."""
    code = (
        "import importlib, os; from airnub_prefect import json_logs; print(json_logs.ConsoleHandler.__name__)\n"
        "os.environ['AIRNUB_LOG_FORMAT'] = 'text'; print(importlib.reload(json_logs).ConsoleHandler.__name__)\n"
        "os.environ['AIRNUB_LOG_FORMAT'] = 'json'; print(importlib.reload(json_logs).ConsoleHandler.__name__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"AIRNUB_LOG_FORMAT": "", "PREFECT_HOME": str(tmp_path)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["PrefectConsoleHandler", "PrefectConsoleHandler", "JsonHandler"]


def test_every_line_of_a_run_is_an_object(prefect_api, environment, tmp_path):
    """Its own, those of its tasks, what it prints, warnings, and the exception that it ends with."""
    (tmp_path / "logged.py").write_text(FLOW)
    done = subprocess.run(
        [sys.executable, "logged.py", "flow-run", "execute"],
        env=environment | SETTING | {"PREFECT_API_URL": prefect_api}, cwd=tmp_path,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = [json.loads(line) for line in (done.stdout + done.stderr).splitlines()]
    assert done.returncode == 1
    messages = {one["message"]: one for one in said}
    assert messages["two\nlines of a part"]["task_run_name"].startswith("part")
    assert messages["printed"]["logger"] == "stdout"
    assert any("a warning" in message for message in messages)
    assert any(one.get("exception") == "ValueError" and one.get("flow_run_name") for one in said)
    assert messages["Ended by ValueError"]["exception_message"] == "broken: {x}"


@pytest.mark.system
def test_every_line_of_a_server_is_an_object(tmp_path):
    """Its greeting, uvicorn's lines, and those of its services."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--port", str(port), "--log-level", "INFO", "--no-ui"],
        env=kept | SETTING | {"PREFECT_HOME": str(tmp_path / "home"), "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 120
        while True:
            assert time.monotonic() < deadline
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/ready").close()
                break
            except OSError:
                time.sleep(0.2)
    finally:
        process.send_signal(signal.SIGINT)
        timer = threading.Timer(30, process.kill)
        timer.start()
        output, _ = process.communicate()
        timer.cancel()
    said = [json.loads(line) for line in output.splitlines()]
    assert any(one["logger"] == "uvicorn.error" and "Uvicorn running on" in one["message"] for one in said)
    assert any(one["logger"] == "stdout" for one in said)
