"""A new password: what is typed, and in which order. tests/docker does it to a database.
The command `airnub rotate`.
"""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.rotate import DATABASES, FILE, UNDER_WAY, RotationError, compose_in, rotate_password
from airnub_cli.subprocesses import ProgramError


class Compose:
    """Remembers what it is given, and does it to its two files; the role has the password `old`."""

    def __init__(self, fails=None):
        self.fails, self.calls, self.files = fails, [], {FILE: "old", UNDER_WAY: ""}

    def __call__(self, *arguments, stdin=""):
        command = " ".join(arguments)
        self.calls.append((command, stdin))
        if self.fails and self.fails in command:
            raise ProgramError(self.fails)
        if "echo yes" in command:
            self.files[UNDER_WAY] = "yes"
        elif "rm -f" in command:
            self.files[UNDER_WAY if UNDER_WAY in command else FILE] = stdin
        found = next((path for path in (UNDER_WAY, FILE) if f"cat {path}" in command), None)
        return self.files[found] if found else ""


def test_the_database_is_first_and_then_who_reads_the_password():
    """The role has it before the file, and the file before the server; it is in no command line."""
    compose = Compose()
    rotate_password(DATABASES["database"], compose)
    read, begun, altered, saved, restarted, waited, ended = compose.calls
    assert read[0] == f"exec -T postgres cat {FILE}"
    assert begun[0].endswith(f">{UNDER_WAY}")
    assert altered[0].startswith("exec -T postgres psql ")
    password = saved[1]
    assert len(password) == 32
    assert altered[1] == f"ALTER ROLE prefect PASSWORD '{password}';\n"
    assert restarted[0] == "restart server"
    assert "--wait server" in waited[0]
    assert ended[0].endswith(f"rm -f {UNDER_WAY}")
    assert not [call for call, _ in compose.calls if password in call]


def test_two_are_different():
    """They are random."""
    passwords = []
    for _ in range(2):
        compose = Compose()
        rotate_password(DATABASES["index"], compose)
        passwords.append(compose.files[FILE])
    assert len({*passwords, "old"}) == 3


def test_a_password_of_an_operator():
    """With a quote in it."""
    compose = Compose()
    rotate_password(DATABASES["database"], compose, "it's mine")
    assert compose.calls[2][1] == "ALTER ROLE prefect PASSWORD 'it''s mine';\n"
    assert compose.files[FILE] == "it's mine"


def test_the_password_that_it_has_already():
    """The setting is named, and nothing is changed."""
    compose = Compose()
    with pytest.raises(RotationError, match=r"POSTGRES_PASSWORD in .env: expected a new password or none"):
        rotate_password(DATABASES["database"], compose, "old")
    assert compose.files == {FILE: "old", UNDER_WAY: ""}
    assert not [command for command, _ in compose.calls if "psql" in command or "restart" in command]


@pytest.mark.parametrize("written", ["of .env", None])
@pytest.mark.parametrize("fails", ["psql", "cat >", "restart", "--wait", f"rm -f {UNDER_WAY}"])
def test_a_second_run_completes_what_was_interrupted(fails, written):
    """The server is started again with what the role has, also where the file has the password of `.env` already."""
    compose = Compose(fails)
    with pytest.raises(ProgramError):
        rotate_password(DATABASES["database"], compose, written)
    compose.fails, compose.calls = None, []
    rotate_password(DATABASES["database"], compose, written)
    [altered] = [stdin for command, stdin in compose.calls if "psql" in command]
    assert altered == f"ALTER ROLE prefect PASSWORD '{compose.files[FILE]}';\n"
    assert "restart server" in [command for command, _ in compose.calls]
    assert compose.files[UNDER_WAY] == ""


@pytest.mark.parametrize(("fails", "after"), [("cat /var", 1), ("echo yes", 2), ("psql", 3), ("cat >", 4)])
def test_a_step_that_fails_is_the_last(fails, after):
    """A database that refuses keeps its file, and the server is not started again."""
    compose = Compose(fails)
    with pytest.raises(ProgramError):
        rotate_password(DATABASES["database"], compose)
    assert len(compose.calls) == after


def test_without_docker(tmp_path, monkeypatch):
    """What is missing."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError, match="expected the command docker, found none"):
        compose_in(tmp_path)("ps")


def test_a_command_that_fails(tmp_path, monkeypatch):
    """It is named, with what it printed."""
    (tmp_path / "docker").write_text("#!/bin/sh\necho no such service >&2\nexit 3\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProgramError, match="`docker compose restart server` to succeed, found exit status 3: no such"):
        compose_in(tmp_path)("restart", "server")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """With a `docker` that answers what the database has, and writes down what it is asked."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "docker").write_text(
        f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\ncase "$*" in *"cat /"*password) printf old;; esac\n'
    )
    (tools / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    monkeypatch.delenv("POSTGRES_PASSWORD", raising=False)
    (tmp_path / "pyproject.toml").write_text('[tool.uv.workspace]\nmembers = ["packages/*"]\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_password_is_changed(checkout):
    """Exit status 0 and a line."""
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 0, result.output
    assert "The role prefect has a new password, and server uses it." in result.stdout
    assert "compose restart server" in (checkout / "asked").read_text()


def test_what_is_written_already(checkout):
    """Exit status 1: `.env` has the password that the role has."""
    (checkout / ".env").write_text("POSTGRES_PASSWORD=old\n")
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 1
    assert "POSTGRES_PASSWORD in .env" in result.stderr


def test_that_of_the_index(checkout):
    """What has to be done besides is printed."""
    result = CliRunner().invoke(main, ["rotate", "index"])
    assert result.exit_code == 0
    assert "docker compose up --no-deps setup" in result.stderr
    assert "restart" not in (checkout / "asked").read_text()


def test_an_unknown_name(checkout):
    """Exit status 2."""
    result = CliRunner().invoke(main, ["rotate", "nothing"])
    assert result.exit_code == 2
    assert "'database', 'index'" in result.stderr
