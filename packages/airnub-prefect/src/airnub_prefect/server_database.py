"""Preparation of the Prefect server's database before the server starts.

    python -m airnub_prefect.server_database check          # can the server of this image use it?
    python -m airnub_prefect.server_database move-windows   # runs get time to send a heartbeat

An automation that waits for heartbeats has a window for each run, and evaluates the windows seconds after the server
has started. No heartbeat could arrive during an outage, so the automation would crash every living run. So windows that
end before a heartbeat can arrive are moved: they begin now, and end one `within` and two minutes later, since on a busy
machine the server takes a minute to start and to handle queued messages. The begin is moved too: clients resend
heartbeats, and one from before the end of the outage would otherwise move the window back to its own time. Windows of
reactive automations are not changed.

Only asyncpg is imported, since the API is unreachable while this runs.
"""

import asyncio
import importlib.util
import json
import os
import re
import sys
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]

_PREFIX = "PREFECT_SERVER_DATABASE_"
_PATIENCE = 10.0
START_SECONDS = 120.0
"""Seconds that a server may take to start and to handle queued heartbeats."""
_REVISION = re.compile(r"^revision(?:: str)? = ['\"](\w+)['\"]", re.MULTILINE)
_MOVE = """
UPDATE automation_bucket AS bucket
SET start = now(), "end" = now() + make_interval(secs => (automation.trigger->>'within')::float + $1)
FROM automation
WHERE automation.id = bucket.automation_id AND automation.trigger->>'posture' = 'Proactive'
    AND bucket."end" < now() + make_interval(secs => (automation.trigger->>'within')::float + $1)
"""


class UnusableError(Exception):
    """The server of this installation cannot use the database."""


async def move_windows(settings: Mapping[str, str]) -> str:
    """Move windows in the database of a stopped server.

    Args:
        settings: settings of the server: `PREFECT_SERVER_DATABASE_HOST`, `_PORT`, `_USER`, `_PASSWORD`, `_NAME`.

    Returns:
        A message with the number of moved windows; empty if there are none, as in a database without tables.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError: the database does not answer, or refuses.
    """
    connection = await _connect(settings)
    try:
        done: str = await connection.execute(_MOVE, START_SECONDS, timeout=_PATIENCE)
    except asyncpg.UndefinedTableError:
        return ""
    finally:
        await connection.close()
    count = int(done.rpartition(" ")[2])
    return f"windows of automations: {count} moved, so that runs have time to send a heartbeat" if count else ""


async def check(settings: Mapping[str, str]) -> str:
    """Connect as the server would, and check that the installed Prefect knows the revision of the tables.

    Returns:
        A message with the revision.

    Raises:
        UnusableError: a newer Prefect wrote the tables.
        OSError, TimeoutError, asyncpg.PostgresError: the database does not answer, or refuses.
    """
    connection = await _connect(settings)
    try:
        found = await connection.fetchval("SELECT version_num FROM alembic_version", timeout=_PATIENCE)
    except asyncpg.UndefinedTableError:
        return "no tables yet"
    finally:
        await connection.close()
    if found not in _known_revisions():
        raise UnusableError(
            f"expected tables of this version of Prefect or an older one, found the unknown revision {found} of a "
            "newer version; use that version, or restore a backup from before the upgrade"
        )
    return f"revision {found}"


def _known_revisions() -> set[str]:
    """The revisions in the files of Prefect's migrations; importing its server would take seconds."""
    spec = importlib.util.find_spec("prefect")
    if spec is None or spec.origin is None:
        raise UnusableError("the package prefect is not installed")
    folder = Path(spec.origin).parent / "server" / "database" / "_migrations" / "versions" / "postgresql"
    return {
        found.group(1)
        for file in folder.glob("*.py")
        if (found := _REVISION.search(file.read_text(encoding="utf-8"))) is not None
    }


async def _connect(settings: Mapping[str, str]) -> Any:
    return await asyncpg.connect(
        host=settings[f"{_PREFIX}HOST"],
        port=int(settings.get(f"{_PREFIX}PORT") or 5432),
        user=settings[f"{_PREFIX}USER"],
        password=settings.get(f"{_PREFIX}PASSWORD"),
        database=settings[f"{_PREFIX}NAME"],
        timeout=_PATIENCE,
    )


COMMANDS: Mapping[str, Callable[[Mapping[str, str]], Coroutine[Any, Any, str]]] = {
    "check": check,
    "move-windows": move_windows,
}


def main(arguments: list[str]) -> int:
    """Run one of `COMMANDS`, print its message or error to stderr, and return the exit status."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        _log("ERROR", f"expected one of {', '.join(COMMANDS)}, found {' '.join(arguments) or 'none'}")
        return 2
    try:
        message = asyncio.run(COMMANDS[arguments[0]](os.environ))
    except KeyError as error:
        _log("ERROR", f"expected {error.args[0]} in the environment, found it unset")
        return 2
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        host, user = os.environ[f"{_PREFIX}HOST"], os.environ[f"{_PREFIX}USER"]
        found = f"{type(error).__name__}: {error}"
        _log("ERROR", f"expected a connection to {host} as {user}, found {found}")
        return 1
    except UnusableError as error:
        _log("ERROR", str(error))
        return 1
    if message:
        _log("INFO", message)
    return 0


def _log(level: str, message: str) -> None:
    """Write a line to stderr, in the JSON format of `json_logs`, which imports Prefect, if it is asked for."""
    line = f"database of the server: {message}"
    if os.environ.get("AIRNUB_LOG_FORMAT") == "json":
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        record = {"time": time, "level": level, "logger": "airnub.server_database", "message": line}
        line = json.dumps(record, ensure_ascii=False)
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
