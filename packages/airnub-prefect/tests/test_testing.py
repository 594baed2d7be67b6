"""The fixtures that departments test with."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from airnub_prefect import testing

ALONE = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p airnub_prefect.testing -p xdist"}
"""The environment of a pytest that imports none of the other plugins that happen to be installed here."""

TESTS = """
import asyncio, json, os
from pathlib import Path
import pytest

@pytest.mark.parametrize("number", range(4))
def test_a_flow(prefect_api, data_root, number):
    from prefect import flow
    from prefect.settings import PREFECT_API_URL

    assert PREFECT_API_URL.value() == prefect_api
    assert flow(lambda: number)() == number
    assert os.environ["AIRNUB_DATA_ROOT"] == str(data_root)
    folder = Path(os.environ["AIRNUB_TEST_SESSION"].partition(":")[2])
    state = json.loads((folder / "server.json").read_text())
    seen = {"url": prefect_api, "pid": state["pid"], "folder": str(folder), "by": os.getpid()}
    Path(os.environ["SEEN"], f"{number}.json").write_text(json.dumps(seen))
"""


@pytest.mark.system
def test_one_server_for_all_processes_of_a_session(tmp_path):
    """Workers share a server; when the session has ended, its process and its folder are gone, without a word."""
    (tmp_path / "seen").mkdir()
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n  default:::prefect\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n2", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | {"SEEN": str(tmp_path / "seen")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Warning" not in ended.stdout + ended.stderr
    seen = [json.loads(path.read_text()) for path in (tmp_path / "seen").iterdir()]
    assert len(seen) == 4
    [(_, pid, folder)] = {(one["url"], one["pid"], one["folder"]) for one in seen}
    assert not Path(folder).exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_session_that_needs_no_server_starts_none(tmp_path):
    """Tests that do not ask for it pay nothing."""
    (tmp_path / "test_it.py").write_text("import sys\ndef test_it():\n    assert 'prefect' not in sys.modules\n")
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        env=os.environ | ALONE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


BYTECODE = """
import os, subprocess, sys
from pathlib import Path

def test_it(tmp_path):
    (tmp_path / "made_here.py").touch()
    code = "import made_here, sys; print(sys.dont_write_bytecode, sys.pycache_prefix)"
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    folder = Path(os.environ["AIRNUB_TEST_SESSION"].partition(":")[2])
    Path(os.environ["SEEN"]).write_text(f"{folder}\\n{found}")
"""


@pytest.mark.system
@pytest.mark.parametrize(("workers", "is_cached"), [("-n0", False), ("-n1", True)])
def test_bytecode_that_may_not_be_written_beside_the_sources(tmp_path, workers, is_cached):
    """It is written into pytest's cache, and stays, but for that of temporary files; without a cache into the session's
    folder, which is gone afterwards. Beside the tests nothing is left.
    """
    for folder in ("tests", "temporary"):
        (tmp_path / folder).mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(BYTECODE)
    # Where no bytecode is, as where packages were installed without compiling them.
    nowhere = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONPYCACHEPREFIX": str(tmp_path / "none")}
    nowhere |= {"TMPDIR": str(tmp_path / "temporary")}
    cache = ["-o", f"cache_dir={tmp_path / 'cache'}"] if is_cached else ["-p", "no:cacheprovider"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", workers, *cache, "tests"],
        cwd=tmp_path,
        env=os.environ | ALONE | nowhere | {"SEEN": str(tmp_path / "seen")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    folder, found = (tmp_path / "seen").read_text().splitlines()
    assert not Path(folder).exists()
    if is_cached:
        bytecode = tmp_path / "cache" / "d" / "bytecode"
        assert found == f"False {bytecode}"
        assert list(bytecode.rglob("test_it*.pyc"))
        assert not list(bytecode.rglob("made_here*"))
        shutil.rmtree(tmp_path / "cache")
    else:
        assert found == f"False {folder}/bytecode"
    shutil.rmtree(tmp_path / "temporary")
    assert {path.name for path in tmp_path.rglob("*")} == {"tests", "test_it.py", "seen"}


def test_a_process_that_does_not_end(monkeypatch):
    """A process that ignores SIGTERM is killed."""
    code = "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    deaf = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with deaf:
        deaf.stdout.readline()
        monkeypatch.setattr(testing, "_STOP_WITHIN", 0.0)
        testing._stop(deaf.pid)
        assert deaf.wait() == -9


APART = """
import os
from contextlib import suppress
from pathlib import Path
import pytest

HERE = Path(__file__).parent

@pytest.fixture(autouse=True)
def apart(writes_apart): ...

def test_absolute(): (HERE / "x.csv").write_text("")
def test_relative(): Path("y.csv").write_text("")
def test_swallowed():
    with suppress(OSError):
        (HERE / "z").mkdir()
def test_renamed(tmp_path):
    (tmp_path / "a").touch()
    (tmp_path / "a").rename(HERE / "b")
def test_temporary(tmp_path):
    (tmp_path / "a").write_text("a")
    folder = os.open(tmp_path, os.O_RDONLY)
    os.close(os.open("below", os.O_WRONLY | os.O_CREAT, dir_fd=folder))
    os.close(folder)
def test_reading(): Path(__file__).read_text()
def test_caches():
    (HERE / ".hypothesis").mkdir(exist_ok=True)
    (HERE / "__pycache__").mkdir(exist_ok=True)
"""


def test_a_department_s_tests_write_into_temporary_folders_alone(tmp_path):
    """Absolute and relative, new and renamed, also where the refusal is swallowed; caches and reading are free."""
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(APART)
    command = [sys.executable, "-m", "pytest", "-q", f"--basetemp={tmp_path.parent / 'base'}"]
    ended = subprocess.run(command, cwd=tmp_path, env=os.environ | ALONE, capture_output=True, text=True, check=False)
    failed = {
        line.split("::")[1].split(" ")[0] for line in ended.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))
    }
    assert failed == {"test_absolute", "test_relative", "test_swallowed", "test_renamed"}, ended.stdout
    assert "expected writes only into temporary folders, found" in ended.stdout
    assert {path.name for path in tmp_path.iterdir()} & {"x.csv", "z", "b"} == set()
