"""The peers: how each is installed, and its command line with its fastest options."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.ingest import programs
from benchmarks.ingest.job import Job, check_folder

PACKAGES = ("nginx", "openssl", "e2fsprogs", "curl", "rclone", "aria2", "wget2")
"""Packages for apt-get; the benchmark itself needs the first three."""
LIBRARIES = ("scrapy", "pooch", "httpx")

Commands = list[list[str]]
_PROGRAMS = Path(programs.__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that airnub is compared with."""

    name: str
    tool: str
    """The command or library that it needs."""
    write_commands: Callable[[Job, str], Commands]
    """Makes the commands, given a job and a Python with the peers' libraries; writes inputs to the scratch folder."""
    check: Callable[[Job], None]
    """Raises WrongResultError."""

    @property
    def is_library(self) -> bool:
        """Whether it is a library in the peers' environment, timed inside its process."""
        return self.tool in LIBRARIES

    def is_installed(self, python: Path) -> bool:
        """Whether it is installed."""
        if self.is_library:
            asked = [str(python), "-c", f"import {self.tool}"]
            return python.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0
        return shutil.which(self.tool) is not None


def environment(work: Path) -> Path:
    """The Python of the peers' environment."""
    return work / "peers" / "bin" / "python"


def install(work: Path) -> None:
    """Install the missing peers; apt-get needs root.

    Raises:
        subprocess.CalledProcessError: an installer failed and printed its error.
    """
    if not all(peer.is_installed(environment(work)) for peer in PEERS.values() if not peer.is_library):
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], check=True)
    if not all(peer.is_installed(environment(work)) for peer in PEERS.values() if peer.is_library):
        for command in _library_commands(work):
            subprocess.run(command, check=True)


def how_to_install(peer: Peer, work: Path) -> str:
    """The shell commands that install it, for the table."""
    if peer.is_library:
        return " && ".join(" ".join(command) for command in _library_commands(work))
    return f"apt-get install {peer.tool.replace('aria2c', 'aria2')}"


def version(peer: Peer, python: Path) -> str:
    """Its version, as it prints it."""
    if peer.is_library:
        program = f"from importlib.metadata import version; print('{peer.tool}', version('{peer.tool}'))"
        asked = [str(python), "-c", program]
    else:
        asked = [peer.tool, "--version"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0].partition(" (")[0]


def _library_commands(work: Path) -> Sequence[list[str]]:
    folder = str(work / "peers")
    python = str(environment(work))
    return (
        ["uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable, folder],
        ["uv", "pip", "install", "--quiet", "--python", python, *LIBRARIES],
    )


# --- commands ---------------------------------------------------------------------------------------------------------


def _files(job: Job) -> Path:
    folder = job.folder / "files"
    folder.mkdir(exist_ok=True)
    return folder


def _check_files(job: Job) -> None:
    check_folder(_files(job), job)


def _listed(job: Job, line: str) -> str:
    """The path of a list with one or more lines for each file of the job."""
    lines = [
        line.format(url=url, name=name, digest=digest, folder=_files(job))
        for url, (name, digest) in zip(job.urls, job.files.digests.items(), strict=True)
    ]
    path = job.scratch / "list"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _rclone(job: Job, _python: str) -> Commands:
    # By default it lists the folder and requests the size of each file (HEAD). That costs nothing on loopback, and is
    # its only way to detect unchanged files; at a distance each HEAD is a round trip, and its time would double.
    extra = ["--http-no-head"] if job.is_distant else []
    at_once = [f"--transfers={job.connections}", f"--checkers={job.connections}"]
    source = [":http:", f"--http-url={job.directory}", "--config=/dev/null"]
    return [["rclone", "copy", *source, str(_files(job)), *at_once, "--quiet", *extra]]


def _curl(job: Job, _python: str) -> Commands:
    listed = _listed(job, 'url = "{url}"\noutput = "{folder}/{name}"')
    # Otherwise curl waits to find out whether connections can be shared, which HTTP/1.1 does not allow.
    how = ["--http2", "--cacert", str(job.certificate)] if job.certificate else ["--parallel-immediate"]
    at_once = ["--parallel", "--parallel-max", str(job.connections)] if len(job.urls) > 1 else []
    return [["curl", "-q", "--silent", "--show-error", "--fail", *at_once, *how, "--config", listed]]


def _curl_then_hash(job: Job, _python: str) -> Commands:
    if len(job.urls) == 1:
        [name] = job.files.digests
        return [*_curl(job, _python), ["sha256sum", str(_files(job) / name)]]
    # Our own Python: this program only uses the standard library.
    filed = [sys.executable, "-S", str(_PROGRAMS / "file_away.py"), str(_files(job)), str(job.folder / "filed")]
    return [*_curl(job, _python), [*filed, job.directory]]


def _check_filed(job: Job) -> None:
    folder = job.folder / ("filed" if len(job.urls) > 1 else "files")
    check_folder(folder, job, ignoring=[".manifest.json"])


def _wget2(job: Job, _python: str) -> Commands:
    how = ["--no-config", "--quiet", "--no-robots", f"--max-threads={job.connections}"]
    trusted = [f"--ca-certificate={job.certificate}"] if job.certificate else []
    return [["wget2", *how, *trusted, f"--input-file={_listed(job, '{url}')}", f"--directory-prefix={_files(job)}"]]


def _aria2(job: Job, _python: str) -> Commands:
    listed = _listed(job, "{url}\n  out={name}\n  checksum=sha-256={digest}")
    how = ["--no-conf", "--quiet", "--file-allocation=none", "--max-connection-per-server=16"]
    if job.certificate:
        how.append(f"--ca-certificate={job.certificate}")
    at_once = f"--max-concurrent-downloads={job.connections}"
    return [["aria2c", *how, at_once, f"--input-file={listed}", f"--dir={_files(job)}"]]


def _bare(job: Job, _python: str) -> Commands:
    return [
        [
            sys.executable,
            str(_PROGRAMS / "bare.py"),
            str(_bare_folder(job)),
            _listed(job, "{url}"),
            str(job.connections),
        ]
    ]


def _bare_folder(job: Job) -> Path:
    folder = job.folder / "bare"
    folder.mkdir(exist_ok=True)
    return folder


def _check_bare(job: Job) -> None:
    check_folder(_bare_folder(job) / "files", job, ignoring=[".manifest.json"])


def _library(program: str, line: str, job: Job, python: str) -> Commands:
    at_once = [] if program == "with_pooch.py" else [str(job.connections)]
    return [[python, str(_PROGRAMS / program), str(_files(job)), _listed(job, line), *at_once]]


PEERS = {
    peer.name: peer
    for peer in (
        Peer("rclone", "rclone", _rclone, _check_files),
        Peer("curl", "curl", _curl, _check_files),
        Peer("curl-hash", "curl", _curl_then_hash, _check_filed),
        Peer("scrapy", "scrapy", partial(_library, "with_scrapy.py", "{url}"), _check_files),
        Peer("pooch", "pooch", partial(_library, "with_pooch.py", "{url} {digest}"), _check_files),
        Peer("aria2", "aria2c", _aria2, _check_files),
        Peer("httpx", "httpx", partial(_library, "with_httpx.py", "{url}"), _check_files),
        Peer("wget2", "wget2", _wget2, _check_files),
        Peer("bare", "curl", _bare, _check_bare),
    )
}
