"""`airnub rotate`: the steps of a new password; tests/docker changes that of a real database."""

import pytest
from click.testing import CliRunner

from airnub_cli.__main__ import main
from airnub_cli.rotate import DATABASES, FILE, UNDER_WAY, RotationError, compose_in, rotate_password
from airnub_cli.subprocesses import ProgramError


class Compose:
    """Records its commands, and applies them to its two files; the role has the password `old`."""

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


def test_the_role_then_the_file_then_the_server():
    """The password is in no command line."""
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


def test_two_passwords_differ():
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


def test_the_present_password_is_refused():
    """The error names the setting, and nothing is changed."""
    compose = Compose()
    with pytest.raises(RotationError, match=r"POSTGRES_PASSWORD in .env: expected a new password or none"):
        rotate_password(DATABASES["database"], compose, "old")
    assert compose.files == {FILE: "old", UNDER_WAY: ""}
    assert not [command for command, _ in compose.calls if "psql" in command or "restart" in command]


@pytest.mark.parametrize("written", ["of .env", None])
@pytest.mark.parametrize("fails", ["psql", "cat >", "restart", "--wait", f"rm -f {UNDER_WAY}"])
def test_a_second_run_completes_what_was_interrupted(fails, written):
    """The server is restarted with the password of the role, even if the file has that of `.env` already."""
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
    """If the database refuses, its file is kept and the server is not restarted."""
    compose = Compose(fails)
    with pytest.raises(ProgramError):
        rotate_password(DATABASES["database"], compose)
    assert len(compose.calls) == after


def test_without_docker(tmp_path, monkeypatch):
    """The error names Docker."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ProgramError, match="expected the command docker, found none"):
        compose_in(tmp_path)("ps")


def test_a_command_that_fails(tmp_path, monkeypatch):
    """The error has the command and its output."""
    (tmp_path / "docker").write_text("#!/bin/sh\necho no such service >&2\nexit 3\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(ProgramError, match="`docker compose restart server` to succeed, found exit status 3: no such"):
        compose_in(tmp_path)("restart", "server")


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a `docker` that answers for the database and records its commands."""
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
    """Exit status 0 and one line."""
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 0, result.output
    assert "The role prefect has a new password, and server uses it." in result.stdout
    assert "compose restart server" in (checkout / "asked").read_text()


def test_the_password_of_dotenv_is_in_use(checkout):
    """Exit status 1: the role has the password of `.env` already."""
    (checkout / ".env").write_text("POSTGRES_PASSWORD=old\n")
    result = CliRunner().invoke(main, ["rotate", "database"])
    assert result.exit_code == 1
    assert "POSTGRES_PASSWORD in .env" in result.stderr


def test_the_password_of_the_index(checkout):
    """The manual step is printed."""
    result = CliRunner().invoke(main, ["rotate", "index"])
    assert result.exit_code == 0
    assert "docker compose up --no-deps setup" in result.stderr
    assert "restart" not in (checkout / "asked").read_text()


def test_an_unknown_name(checkout):
    """Exit status 2."""
    result = CliRunner().invoke(main, ["rotate", "nothing"])
    assert result.exit_code == 2
    assert "'database', 'index'" in result.stderr
