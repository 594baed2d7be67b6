"""The embedded server's database, created from a snapshot of the schema that Prefect's migrations produce.

The migrations of a new database take 5 to 6 s, most of a first run. `schema-<version>.sql` is their result in that
version of Prefect, written by `python -m airnub_prefect.embedded.database HOME`; a test compares the two. For any other
version, and for a database at any other revision, Prefect migrates by itself.
"""

import os
import sqlite3
import sys
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

FILE = "prefect.db"


def prepare(home: Path) -> bool:
    """Create the database in Prefect's home if there is none.

    Returns:
        Whether its revision is that of the installed Prefect, so that there is nothing to migrate.
    """
    snapshot = snapshot_path()
    if not snapshot.is_file():
        return False
    schema = snapshot.read_text(encoding="utf-8")
    try:
        if not (home / FILE).exists():
            _create(home, schema)
        return schema.rstrip().endswith(f"VALUES ('{_revision(home / FILE)}');")
    except (OSError, sqlite3.Error):
        # Prefect opens it next, and reports the error.
        return False


def snapshot_path() -> Path:
    """Path of the snapshot for the installed version of Prefect, which may not exist."""
    return Path(__file__).with_name(f"schema-{version('prefect')}.sql")


def snapshot(home: Path) -> str:
    """The SQL that recreates the database in `home`, which Prefect has just migrated and which has no rows."""
    with closing(sqlite3.connect(home / FILE)) as connection:
        statements = connection.execute(
            "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' "
            "ORDER BY type = 'index', rowid"
        )
        lines = [" ".join(line.strip() for line in sql.splitlines()).strip() for (sql,) in statements]
    return ";\n".join(lines) + f";\nINSERT INTO alembic_version VALUES ('{_revision(home / FILE)}');\n"


def _create(home: Path, schema: str) -> None:
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".{FILE}.{os.getpid()}"
    try:
        with closing(sqlite3.connect(temporary, isolation_level=None)) as connection:
            connection.executescript(f"PRAGMA journal_mode = WAL; BEGIN; {schema} COMMIT;")
        # Linking never overwrites: if two commands start at once, both use the database of the first.
        with suppress(FileExistsError):
            (home / FILE).hardlink_to(temporary)
    finally:
        temporary.unlink(missing_ok=True)


def _revision(path: Path) -> str | None:
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(rows[0][0]) if len(rows) == 1 else None


if __name__ == "__main__":
    snapshot_path().write_text(snapshot(Path(sys.argv[1])), encoding="utf-8")
