"""The configured API."""

import os
import sys

import pytest

from airnub_prefect.api_url import LOCAL, NAME, PORT, configured_api_url

ENVIRONMENT, DOTENV, TOML, PYPROJECT, PROFILE = (f"http://{name}.example/api" for name in "edtpf")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder and Prefect's home, both empty, and nothing in the environment."""
    for name in [name for name in os.environ if name.startswith("PREFECT")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def configure(folder, *places):
    """Say in each place what its URL is."""
    texts = {
        "dotenv": (folder / ".env", f'export OTHER=1\nexport {NAME}="{DOTENV}" # ours\n'),
        "toml": (folder / "prefect.toml", f'[api]\nurl = "{TOML}"\n'),
        "pyproject": (folder / "pyproject.toml", f'[tool.prefect.api]\nurl = "{PYPROJECT}"\n'),
        "profile": (
            folder.parent / "home" / "profiles.toml",
            f'active = "mine"\n[profiles.mine]\n{NAME} = "{PROFILE}"\n[profiles.other]\n{NAME} = "http://other/api"\n',
        ),
    }
    for place in places:
        path, text = texts[place]
        path.write_text(text)


def of_prefect():
    """What Prefect itself finds."""
    from prefect.settings.models.root import Settings

    return Settings().api.url or None


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], None),
        (["profile"], PROFILE),
        (["profile", "pyproject"], PYPROJECT),
        (["profile", "pyproject", "toml"], TOML),
        (["profile", "pyproject", "toml", "dotenv"], DOTENV),
    ],
)
def test_places_in_their_order(folder, places, expected):
    """Of all places that name a server the same one wins as in Prefect."""
    configure(folder, *places)
    assert configured_api_url() == expected
    assert of_prefect() == expected


def test_the_environment_wins(folder, monkeypatch):
    """The environment is before every file, also with nothing in it."""
    configure(folder, "profile", "pyproject", "toml", "dotenv")
    monkeypatch.setenv(NAME, ENVIRONMENT)
    assert configured_api_url() == of_prefect() == ENVIRONMENT
    monkeypatch.setenv(NAME, "")
    assert configured_api_url() is of_prefect() is None


def test_another_profile(folder, monkeypatch):
    """`PREFECT_PROFILE` chooses; one that is not there names no server."""
    configure(folder, "profile")
    monkeypatch.setenv("PREFECT_PROFILE", "other")
    assert configured_api_url() == of_prefect() == "http://other/api"
    monkeypatch.setenv("PREFECT_PROFILE", "nowhere")
    assert configured_api_url() is of_prefect() is None


@pytest.mark.parametrize("line", [f"{NAME}={DOTENV}", f"{NAME} = '{DOTENV}'", f"{NAME}={DOTENV} # ours"])
def test_lines_of_dotenv(folder, line):
    """Quotes and comments are no part of the URL."""
    (folder / ".env").write_text(f"# {NAME}=no\n{line}\n")
    assert configured_api_url() == of_prefect() == DOTENV


@pytest.mark.parametrize("text", ["api = 5", "[api]\nurl = 5", "[api", "\udcff"])
def test_files_that_are_no_settings(folder, text):
    """What cannot be read names no server; Prefect says what is wrong with it."""
    for name in ("prefect.toml", "pyproject.toml", ".env", "../home/profiles.toml"):
        (folder / name).write_bytes(text.encode(errors="surrogateescape"))
    assert configured_api_url() is None


def test_prefect_is_not_imported(command):
    """Asking costs no import of Prefect, as no command does before it needs one."""
    import subprocess

    code = "import sys, airnub_prefect.command, airnub_prefect.session; print('prefect' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "False\n"


def test_the_port_is_that_of_prefect_itself():
    """A server that was started without a port listens on it."""
    from prefect.settings import get_current_settings

    field = type(get_current_settings().server.api).model_fields["port"]
    assert field.default == PORT
    assert f"http://127.0.0.1:{PORT}/api" == LOCAL
