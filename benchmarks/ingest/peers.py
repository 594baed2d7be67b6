"""The peers: how each is installed, what it is told to do, and how it may be told to do it fast."""

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
"""For apt-get; the first three are for the benchmark itself."""
LIBRARIES = ("scrapy", "pooch", "httpx")

Commands = list[list[str]]
_PROGRAMS = Path(programs.__file__).parent


@dataclass(frozen=True, slots=True)
class Peer:
    """A program that fetches too."""

    name: str
    tool: str
    """The command or the library that it needs."""
    write_commands: Callable[[Job, str], Commands]
    """Given a job and a Python that has the peers' libraries; writes what it needs into the job's scratch folder."""
    check: Callable[[Job], None]
    """Raises WrongResultError."""

    @property
    def is_library(self) -> bool:
        """Whether it lives in the peers' environment and is timed inside its process."""
        return self.tool in LIBRARIES

    def is_installed(self, python: Path) -> bool:
        """Whether it can be run."""
        if self.is_library:
            asked = [str(python), "-c", f"import {self.tool}"]
            return python.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0
        return shutil.which(self.tool) is not None


def environment(work: Path) -> Path:
    """The Python of the peers' environment."""
    return work / "peers" / "bin" / "python"


def install(work: Path) -> None:
    """Install every peer that is missing; apt-get needs root.

    Raises:
        subprocess.CalledProcessError: an installer failed; it said why.
    """
    if not all(peer.is_installed(environment(work)) for peer in PEERS.values() if not peer.is_library):
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES], check=True)
    if not all(peer.is_installed(environment(work)) for peer in PEERS.values() if peer.is_library):
        for command in _library_commands(work):
            subprocess.run(command, check=True)


def how_to_install(peer: Peer, work: Path) -> str:
    """The commands for a person."""
    if peer.is_library:
        return " && ".join(" ".join(command) for command in _library_commands(work))
    return f"apt-get install {peer.tool.replace('aria2c', 'aria2')}"


def version(peer: Peer, python: Path) -> str:
    """What it calls itself."""
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


# --- what each is told ------------------------------------------------------------------------------------------------


def _files(job: Job) -> Path:
    folder = job.folder / "files"
    folder.mkdir(exist_ok=True)
    return folder


def _check_files(job: Job) -> None:
    check_folder(_files(job), job)


def _listed(job: Job, line: str) -> str:
    """The path of a file with a line, or some, for each file of the job."""
    lines = [
        line.format(url=url, name=name, digest=digest, folder=_files(job))
        for url, (name, digest) in zip(job.urls, job.files.digests.items(), strict=True)
    ]
    path = job.scratch / "list"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def _rclone(job: Job, _python: str) -> Commands:
    # Its plain way lists the folder and asks for the size of each file (HEAD). That costs it nothing near by, and is
    # the only way that finds out what has not changed; far away each HEAD is a round trip, and its time would double.
    extra = ["--http-no-head"] if job.is_distant else []
    at_once = [f"--transfers={job.connections}", f"--checkers={job.connections}"]
    source = [":http:", f"--http-url={job.directory}", "--config=/dev/null"]
    return [["rclone", "copy", *source, str(_files(job)), *at_once, "--quiet", *extra]]


def _curl(job: Job, _python: str) -> Commands:
    listed = _listed(job, 'url = "{url}"\noutput = "{folder}/{name}"')
    # Else curl waits to learn whether a connection can be shared, which one of HTTP/1.1 cannot.
    how = ["--http2", "--cacert", str(job.certificate)] if job.certificate else ["--parallel-immediate"]
    at_once = ["--parallel", "--parallel-max", str(job.connections)] if len(job.urls) > 1 else []
    return [["curl", "-q", "--silent", "--show-error", "--fail", *at_once, *how, "--config", listed]]


def _curl_then_hash(job: Job, _python: str) -> Commands:
    if len(job.urls) == 1:
        [name] = job.files.digests
        return [*_curl(job, _python), ["sha256sum", str(_files(job) / name)]]
    # Our own Python: the pass uses the standard library alone.
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
