"""Preparation of the Prefect server's database before the server starts.

    python -m airnub_prefect.server_database check          # can this image's server use it?
    python -m airnub_prefect.server_database move-windows   # runs get time to send a heartbeat

An automation that waits for heartbeats has a window for each run, and evaluates windows seconds after the server has
started. While the server was away no heartbeat could arrive, so it would crash every run that lives. Windows that
ended in the outage, or end before a heartbeat can come, are moved: they begin now, and end one `within` and two minutes
later, for on a busy machine the server takes a minute to start and to handle what was sent meanwhile. Their
begin counts too: clients send again what they could not send, and a heartbeat that is older than the outage's end would
otherwise move the window back to its own time. Windows of reactive automations are left alone.

Only asyncpg is imported: what this takes is part of the time in which the API is away.
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
"""That a server may take until it has handled the heartbeats that waited for it."""
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
    """Move windows in the database of a server that does not run.

    Args:
        settings: those of the server, `PREFECT_SERVER_DATABASE_HOST` and its siblings.

    Returns:
        What was done, for people; empty where there was nothing to move, as in a database without tables.

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
    """Connect as the server would, and see that its Prefect knows the revision of the tables.

    Returns:
        The revision, for people.

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
            f"expected tables of this Prefect or an older one, found the revision {found}, which it does not know: a "
            "newer Prefect wrote them; go on with that one, or restore a backup from before it"
        )
    return f"revision {found}"


def _known_revisions() -> set[str]:
    """Read from the files of migrations: importing Prefect's server takes seconds."""
    spec = importlib.util.find_spec("prefect")
    if spec is None or spec.origin is None:
        raise UnusableError("expected the package prefect to be installed, found none")
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
    """Do one of `COMMANDS`; what was done, or is wrong, is said on stderr."""
    if len(arguments) != 1 or arguments[0] not in COMMANDS:
        _say("ERROR", f"expected one of {', '.join(COMMANDS)}, found {' '.join(arguments) or 'none'}")
        return 2
    try:
        said = asyncio.run(COMMANDS[arguments[0]](os.environ))
    except KeyError as error:
        _say("ERROR", f"expected {error.args[0]} in the environment, found none")
        return 2
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        host, user = os.environ[f"{_PREFIX}HOST"], os.environ[f"{_PREFIX}USER"]
        found = f"{type(error).__name__}: {error}"
        _say("ERROR", f"expected {host} to let in {user}, found {found}")
        return 1
    except UnusableError as error:
        _say("ERROR", str(error))
        return 1
    if said:
        _say("INFO", said)
    return 0


def _say(level: str, message: str) -> None:
    """A line on stderr; `json_logs` has the same format, but imports Prefect."""
    line = f"database of the server: {message}"
    if os.environ.get("AIRNUB_LOG_FORMAT") == "json":
        time = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        said = {"time": time, "level": level, "logger": "airnub.server_database", "message": line}
        line = json.dumps(said, ensure_ascii=False)
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
