"""Transactions over many files."""

import os
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from airnub_cli.transaction import at_work, recover, write_together
from airnub_cli.workspace import WorkspaceError

BEFORE = {"a.txt": b"a", "deep/b.txt": b"b", "goes/c.txt": b"c", "goes/d/e.txt": b"e", "drop.txt": b"drop"}
FILES = {
    "a.txt": b"new a", "deep/b.txt": b"new b", "made/x/y.txt": b"y", "made/z.txt": b"z", "deep/w.txt": b"w",
    "drop.txt": None,
}  # fmt: skip
AFTER = {
    "a.txt": b"new a", "deep/b.txt": b"new b", "made/x/y.txt": b"y", "made/z.txt": b"z", "deep/w.txt": b"w",
}  # fmt: skip
# Reads what to do, where, and a number n: a child of it does that, and kills itself at the n-th time that it makes
# something durable or renames it. Importing takes longer than everything else, so it is done once.
DYING = f"""
import os, signal, sys
from pathlib import Path
from airnub_cli.transaction import at_work, recover, write_together
def dying(function):
    def call(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*arguments, **options)
    return call
os.rename, os.replace, os.fsync = dying(os.rename), dying(os.replace), dying(os.fsync)
for line in sys.stdin:
    what, number, folder = line.rstrip().split(" ", 2)
    root, left, child = Path(folder), int(number), os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    if what == "recover":
        recover(root)
    else:
        with at_work(root):
            write_together(root, {FILES!r}, ("goes",))
    os._exit(0)
"""


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "root"
    fill(made)
    return made


def fill(root):
    for path, content in BEFORE.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)


def tree(root):
    """All files except those of the transaction itself."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".airnub" not in path.parts
    }


@pytest.fixture(scope="module")
def dying():
    """The exit status of a process that is killed at the given step."""
    with subprocess.Popen(
        [sys.executable, "-c", DYING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:

        def status(what, root, left):
            parent.stdin.write(f"{what} {left} {root}\n")
            parent.stdin.flush()
            return int(parent.stdout.readline())

        yield status
        parent.stdin.close()


def test_all_changes_are_made_and_nothing_else_is_left(root):
    """New, changed and removed files and folders; a changed file keeps its mode."""
    (root / "a.txt").chmod(0o755)
    with at_work(root):
        write_together(root, FILES, ("goes",))
    assert tree(root) == AFTER
    assert (root / "a.txt").stat().st_mode & 0o777 == 0o755
    assert not (root / ".airnub").exists()
    assert not (root / "goes").exists()


@pytest.mark.system
def test_killed_anywhere_it_is_all_or_nothing(root, dying):
    """At each sync and rename in turn; the rollback is killed somewhere, too."""
    generator, ends = random.Random(6), set()
    for left in range(1, 200):
        fill(root)
        status = dying("land", root, left)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        if left % 3 == 0:
            dying("recover", root, generator.randint(1, 12))
        recover(root / "deep")
        found = tree(root)
        assert found in (BEFORE, AFTER), left
        ends.add("before" if found == BEFORE else "after")
        for path in set(found) - set(BEFORE):
            (root / path).unlink()
    else:
        pytest.fail("it never ended")
    assert ends == {"before", "after"}


@pytest.fixture
def calls(monkeypatch):
    """Every sync and rename in order, with paths; all of them are executed."""
    made, sync, rename = [], os.fsync, os.rename

    def recorded_sync(descriptor):
        made.append(("sync", Path(f"/proc/self/fd/{descriptor}").resolve()))
        sync(descriptor)

    def recorded_rename(source, target):
        made.append(("rename", Path(source), Path(target)))
        rename(source, target)

    monkeypatch.setattr(os, "fsync", recorded_sync)
    monkeypatch.setattr(os, "rename", recorded_rename)
    return made


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="paths of descriptors are read from /proc")
def test_the_journal_is_durable_before_the_first_file_changes(root, calls):
    """A power loss may lose names that were not synced, so those of the journal must be synced before."""
    with at_work(root):
        write_together(root, FILES, ("goes",))
    home = root / ".airnub"
    [journal] = [at for at, one in enumerate(calls) if one[0] == "rename" and one[2] == home / "landing"]
    [landed] = [at for at, one in enumerate(calls) if one[0] == "rename" and one[1] == home / "landing"]
    changes = [at for at in range(journal + 1, landed) if calls[at][0] == "rename"]
    assert len(changes) == 6
    assert ("sync", home) in calls[journal : changes[0]]
    prepared = {one[1].name for one in calls[:journal] if one[0] == "sync"}
    assert prepared >= {"journal.json", "before", "after"}
    # And the changes are durable before the journal goes, which then does.
    parents = {(root / path).parent for path in ("a.txt", "deep/b.txt", "made", "goes", "drop.txt")}
    assert parents <= {one[1] for one in calls[changes[-1] : landed] if one[0] == "sync"}
    assert ("sync", home) in calls[landed:]


def test_an_exception_undoes_everything(root):
    """A folder cannot be replaced by a file."""
    (root / "z").mkdir()
    with pytest.raises(OSError, match="z"), at_work(root):
        write_together(root, FILES | {"z": b"z"}, ("goes",))
    assert tree(root) == BEFORE
    assert not (root / ".airnub").exists()


def test_a_file_that_changed_meanwhile_is_not_rolled_back(root, dying):
    """It is named."""
    for left in range(1, 200):
        dying("land", root, left)
        if (root / "made").exists():
            break
    (root / "a.txt").write_bytes(b"by hand")
    told = recover(root)
    assert told[0] == "a.txt was changed in the meantime, and is not rolled back"
    assert tree(root) == BEFORE | {"a.txt": b"by hand"}


def test_one_at_a_time(root):
    """A second change is refused, and does not roll back the first."""
    with at_work(root):
        (root / ".airnub" / "landing").mkdir()
        assert recover(root) == []
        (root / ".airnub" / "landing").rmdir()
        with pytest.raises(WorkspaceError, match="another airnub command is modifying"), at_work(root):
            pass
    assert not (root / ".airnub").exists()


def test_sigterm_ends_it_like_ctrl_c(root):
    """So everything is rolled back."""
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(KeyboardInterrupt), at_work(root):
        signal.raise_signal(signal.SIGTERM)
    assert tree(root) == BEFORE


def test_without_a_checkout_there_is_nothing_to_roll_back(tmp_path):
    """No folder is created."""
    assert recover(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
