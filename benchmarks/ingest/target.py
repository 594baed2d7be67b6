"""The target of a run: a fresh file system or folder, in which no files were deleted just before.

For root the default is a new ext4 with a journal in an image file, mounted by loop; for other users, or if a folder is
given, it is a new folder. Creating files soon after deleting many is up to 50 times slower on some file systems, so
nothing is deleted between runs: a new image is created, and folders stay until the end.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.ingest.sets import GIB

IMAGE_SIZE = 5 * GIB
_INODES = 400_000
"""Number of inodes: enough for objects, manifests and folders of 50,000 files."""


class Folder:
    """New folders in an existing one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"folders in a {_file_system(folder)} file system"

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """An empty folder; afterwards everything in it has reached the disk, so that the next run is not charged."""
        place = Path(tempfile.mkdtemp(prefix="run-", dir=self.folder))
        try:
            yield place
        finally:
            subprocess.run(["sync", "--file-system", str(self.folder)], check=True)
            for file in place.rglob("*"):
                # A few large files are deleted quickly, and would fill the disk.
                if file.is_file() and file.stat().st_size >= GIB // 4:
                    file.unlink()


class Image:
    """A new ext4 in an image file for each run; needs root."""

    def __init__(self, folder: Path, *, direct: bool = False) -> None:
        self._file = folder / "target.ext4"
        self._mount = folder / "target"
        self._mount.mkdir(exist_ok=True)
        self._direct = direct
        self.name = f"an ext4 with a journal in a file, made anew for each run{', direct I/O below' if direct else ''}"
        if not self._file.exists():
            # Written once, so that no run waits for allocation on the disk below.
            with self._file.open("wb") as out:
                for _ in range(IMAGE_SIZE // (16 << 20)):
                    out.write(bytes(16 << 20))
                os.fsync(out.fileno())

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """An empty folder; afterwards everything in it has reached the disk, so that the next run is not charged."""
        # Inode tables are not initialized here or by the mount: a kernel thread would write them during timed runs.
        made = ["mkfs.ext4", "-q", "-F", "-N", str(_INODES), "-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"]
        subprocess.run([*made, str(self._file)], check=True, env=_with_sbin())
        device = _output(["losetup", "--find", "--show", f"--direct-io={'on' if self._direct else 'off'}", self._file])
        try:
            subprocess.run(["mount", "-o", "noinit_itable", device, str(self._mount)], check=True)
            try:
                place = self._mount / "run"
                place.mkdir()
                yield place
            finally:
                subprocess.run(["umount", str(self._mount)], check=True)
        finally:
            subprocess.run(["losetup", "--detach", device], check=True, env=_with_sbin())
        subprocess.run(["sync", str(self._file)], check=True)


@contextmanager
def target(work: Path, folder: Path | None, *, direct: bool) -> Iterator[Folder | Image]:
    """The target: the given folder, or an image for root, or a folder below `work`."""
    if folder is None and os.geteuid() == 0:
        yield Image(work, direct=direct)
        return
    chosen = folder or work
    chosen.mkdir(parents=True, exist_ok=True)
    runs = Path(tempfile.mkdtemp(prefix="benchmark-", dir=chosen))
    try:
        yield Folder(runs)
    finally:
        shutil.rmtree(runs)


def _file_system(folder: Path) -> str:
    return _output(["stat", "--file-system", "--format=%T", folder])


def _output(command: list[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=_with_sbin()).stdout.strip()


def _with_sbin() -> dict[str, str]:
    return os.environ | {"PATH": os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))}
