"""A disk that remembers every write and flush, and can be had again as a power loss at any moment would have left it.

A real file system lies on a loop device, whose file is served through FUSE by `fuse_file`. What reaches that file is
what reaches a disk: blocks, and flushes where the file system asks for durability. After a power loss there is all that
was flushed, and of what was written after the last flush any part, in any order, torn between sectors: what
device-mapper's log-writes does, on kernels that lack it.
"""

import os
import random
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from crash_lab.fuse_file import RECORD

SECTOR = 512
FILE_SYSTEMS = {
    # Size in MiB, how to make it, and options that make what was not synced as fragile as the file system allows.
    "ext4": (256, ["mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "data=writeback,commit=1"),
    "xfs": (320, ["mkfs.xfs", "-q", "-f"], "noatime"),
    "btrfs": (256, ["mkfs.btrfs", "-q", "-f"], "commit=1"),
}


class Disk:
    """A file system whose writes are recorded while the block runs; `place` is where it is mounted."""

    def __init__(self, folder: Path, kind: str):
        """Make the file system; the test is skipped where this machine does not have, or not allow, what that needs."""
        size, make, self.options = FILE_SYSTEMS[kind]
        if os.geteuid() != 0:
            pytest.skip("mounting needs root")
        if not Path("/dev/fuse").exists() or not shutil.which("losetup"):
            pytest.skip("there is no FUSE or no losetup here")
        if not shutil.which(make[0]):
            pytest.skip(f"there is no {make[0]} here")
        folder.mkdir()
        self.kind = kind
        self.fresh = folder / "fresh.img"
        self.place = folder / "mounted"
        self.place.mkdir()
        self._medium, self._log, self._shown = folder / "medium.img", folder / "log", folder / "shown.img"
        with self.fresh.open("wb") as image:
            image.truncate(size * 1024 * 1024)
        _run(*make, self.fresh)
        _copy(self.fresh, self._medium)
        self._log.touch()
        self._shown.touch()

    def __enter__(self):
        """Mount it; the test is skipped where the kernel refuses."""
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fuse_file.py")), self._medium, self._log, self._shown],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        if self._server.stdout.readline() != b"mounted\n":
            pytest.skip(f"FUSE cannot be used: {self._server.communicate()[1].decode()}")
        try:
            self._loop = _run("losetup", "--find", "--show", self._shown).strip()
            _run("mount", "-t", self.kind, "-o", f"nodiscard,{self.options}", self._loop, self.place)
        except subprocess.CalledProcessError as error:
            self._unplug()
            pytest.skip(f"loop devices cannot be used: {error.stderr.strip()}")
        return self

    def __exit__(self, *_):
        _run("umount", self.place)
        self._unplug()

    def now(self):
        """How much was written so far: a position in the record."""
        return self._log.stat().st_size

    def record(self):
        """Everything that happened: (position behind it, offset, bytes) of each write, offset `None` for a flush."""
        happened = []
        with self._log.open("rb") as log:
            while head := log.read(RECORD.size):
                kind, offset, length = RECORD.unpack(head)
                content = log.read(length)
                happened.append((log.tell(), None if kind == b"FLSH" else offset, content))
        return happened

    def _unplug(self):
        if hasattr(self, "_loop"):
            _run("losetup", "--detach", self._loop)
        _run("umount", self._shown)
        self._server.wait(30)
        self._server.stdout.close()
        self._server.stderr.close()


class PowerLosses:
    """What is on a disk after the power went at positions of its record, in ascending order."""

    def __init__(self, disk: Disk, folder: Path, chance: random.Random):
        folder.mkdir()
        self._disk, self._folder, self._chance = disk, folder, chance
        self._record = disk.record()
        self._safe = folder / "safe.img"
        self._applied = self._losses = 0
        _copy(disk.fresh, self._safe)

    def positions(self, start, end):
        """Every moment between two positions at which something was written."""
        return [behind for behind, _, _ in self._record if start < behind <= end]

    @contextmanager
    def at(self, position):
        """Mount the disk as it was left by a power loss at `position`; the folder where it is mounted."""
        ended = sum(1 for behind, _, _ in self._record if behind <= position)
        flushed = max((number + 1 for number in range(ended) if self._record[number][1] is None), default=0)
        with self._safe.open("r+b") as image:
            for _, offset, content in self._record[self._applied : flushed]:
                _write(image, offset, content)
        self._applied = max(self._applied, flushed)
        # Of another name each time: a loop device that somebody else still looks at keeps what it read of the last.
        self._losses += 1
        lost, place = self._folder / f"lost-{self._losses}.img", self._folder / "mounted"
        _copy(self._safe, lost)
        with lost.open("r+b") as image:
            for offset, content in self._survivors(self._record[flushed:ended]):
                _write(image, offset, content)
        place.mkdir(exist_ok=True)
        _run("mount", "-o", "loop", lost, place)
        try:
            yield place
        finally:
            _run("umount", place)
            lost.unlink()

    def _survivors(self, unflushed):
        """Some of the writes that were not flushed, some of them torn."""
        writes = [(offset, content) for _, offset, content in unflushed]
        fate = self._chance.choice(["none", "first", "any", "torn", "all"])
        if fate == "none":
            return []
        if fate == "first":
            return writes[: self._chance.randint(0, len(writes))]
        if fate == "any":
            return [write for write in writes if self._chance.random() < 0.5]
        if fate == "torn":
            return [
                (offset + start, content[start : start + SECTOR])
                for offset, content in writes
                for start in range(0, len(content), SECTOR)
                if self._chance.random() < 0.5
            ]
        return writes


def _write(image, offset, content):
    if offset is not None:
        image.seek(offset)
        image.write(content)


def _copy(source, target):
    _run("cp", "--sparse=always", source, target)


def _run(*command):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout
