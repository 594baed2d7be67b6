"""The floors of the ingestion engine's sets."""

import hashlib

import pytest

from benchmarks import floors
from benchmarks.ingest import server
from benchmarks.ingest.goals import Race
from benchmarks.ingest.races import Place
from benchmarks.ingest.sets import Shape, made
from benchmarks.ingest.target import Folder

pytestmark = pytest.mark.skipif(not server.is_installed(), reason=f"needs nginx and openssl: {server.INSTALL}")


@pytest.mark.parametrize(
    ("name", "size"), [("S", 3_000), ("h2", 3_000), ("again", 3_000), ("M", 3_000), ("L", 2_500_000)]
)
def test_a_floor_does_its_job(tmp_path, name, size):
    """The downloaded files are those of the set; a floor for unchanged files downloads none."""
    (tmp_path / "sets").mkdir()
    (tmp_path / "out").mkdir()
    race = Race("tiny", Shape("tiny", 5, size), 2, {}, is_tls=name == "h2")
    with server.serve(tmp_path / "sets") as running:
        place = Place(tmp_path, running, Folder(tmp_path / "out"))
        base = running.tls if race.is_tls else running.plain
        timing = floors.floor(place, name, race, base)
        files = made(place.sets, race.shape)
    assert 0 < timing.job < timing.process
    [folder] = (tmp_path / "out").iterdir()
    found = [hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.stat().st_size == size]
    assert sorted(found) == ([] if name == "again" else sorted(files.digests.values()))


def test_a_set_without_a_floor_is_refused(capsys):
    """The error lists the sets that have a floor."""
    with pytest.raises(SystemExit):
        floors.main(["--sets", "latency"])
    assert "again" in capsys.readouterr().err
