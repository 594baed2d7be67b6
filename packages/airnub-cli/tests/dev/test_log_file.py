"""Log files of parts."""

from airnub_cli.dev.log_file import LogFile


def test_lines_are_appended_and_the_last_ones_known(tmp_path):
    """The folder is made with the first line; what earlier runs wrote stays."""
    path = tmp_path / "logs" / "server.log"
    for _ in range(2):
        log = LogFile(path)
        for number in range(30):
            log.line("server", f"line {number} of 100 %s")
        log.close()
    assert path.read_text().splitlines()[29:31] == ["line 29 of 100 %s", "line 0 of 100 %s"]
    assert list(log.last) == [f"line {number} of 100 %s" for number in range(10, 30)]


def test_a_file_does_not_grow_for_ever(tmp_path, monkeypatch):
    """The one before it is kept."""
    monkeypatch.setattr("airnub_cli.dev.log_file._BYTES", 100)
    log = LogFile(tmp_path / "server.log")
    for number in range(50):
        log.line("server", f"line {number}")
    log.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["server.log", "server.log.1"]
    assert all(path.stat().st_size <= 100 for path in tmp_path.iterdir())
