"""Run airnub and a peer in turns, each in a fresh folder, and verify each result."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest import engine
from benchmarks.ingest.goals import Race
from benchmarks.ingest.job import Job, WrongResultError
from benchmarks.ingest.latency import distant
from benchmarks.ingest.peers import PEERS, Peer, environment, how_to_install
from benchmarks.ingest.server import Server
from benchmarks.ingest.sets import FileSet, made
from benchmarks.ingest.table import Result
from benchmarks.ingest.target import Folder, Image
from benchmarks.ingest.timing import FailedRunError, Timing, run

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Place:
    """Folders and files of the benchmark."""

    work: Path
    """Folder for sets, peers and images; kept between runs."""
    server: Server
    target: Folder | Image

    @property
    def sets(self) -> Path:
        """Root folder of the server."""
        return self.work / "sets"

    @contextmanager
    def job(self, files: FileSet, base: str, race: Race) -> Iterator[Job]:
        """A job with a fresh folder."""
        with self.target.fresh() as folder, tempfile.TemporaryDirectory(prefix="airnub-benchmark-") as scratch:
            certificate = self.server.certificate if race.is_tls else None
            yield Job(files, base, race.connections, folder, Path(scratch), certificate, race.is_distant)


def race(place: Place, asked: Race, peers: Sequence[str], rounds: int, say: Say) -> list[Result]:
    """Run pairs with each peer of this race; each round reverses the order of the pair.

    Raises:
        FailedRunError: our program ended with an error. A peer's error removes the peer from the race.
        WrongResultError: the result of our program is wrong.
    """
    files = made(place.sets, asked.shape)
    taking_part = [PEERS[name] for name in peers if name in asked.goals]
    python = environment(place.work)
    notes = {
        peer.name: "" if peer.is_installed(python) else f"not installed: {how_to_install(peer, place.work)}"
        for peer in taking_part
    }
    pairs: dict[str, list[tuple[Timing, Timing]]] = {peer.name: [] for peer in taking_part}
    with base_of(place, asked, say) as base:
        for number in range(rounds):
            for peer in taking_part:
                if notes[peer.name]:
                    continue
                ours = None if number % 2 else _ours(place, files, base, asked)
                try:
                    theirs = run_peer(place, files, base, asked, peer)
                except (FailedRunError, WrongResultError) as error:
                    notes[peer.name] = f"failed: {error}"
                    pairs[peer.name] = []
                    say(f"round {number + 1}: {peer.name} {notes[peer.name]}")
                    continue
                ours = ours or _ours(place, files, base, asked)
                pairs[peer.name].append((ours, theirs))
                say(f"round {number + 1}: {peer.name} {theirs.job:.2f} s, ours {ours.job:.2f} s")
    return [Result(peer.name, asked.goals[peer.name], pairs[peer.name], notes[peer.name]) for peer in taking_part]


def _ours(place: Place, files: FileSet, base: str, asked: Race) -> Timing:
    with place.job(files, base, asked) as job:
        command = engine.command(job)
        if asked.is_again:
            run([command], job.certificate)
            _settle(job)
        timing = run([command], job.certificate, is_library=True)
        engine.check(job, "unchanged" if asked.is_again else "stored")
    return timing


def run_peer(place: Place, files: FileSet, base: str, asked: Race, peer: Peer) -> Timing:
    """Run a peer once, and verify its result.

    Raises:
        FailedRunError: it ended with an error.
        WrongResultError: its result is wrong.
    """
    with place.job(files, base, asked) as job:
        commands = peer.write_commands(job, str(environment(place.work)))
        if asked.is_again:
            run(commands, job.certificate)
            _settle(job)
        timing = run(commands, job.certificate, is_library=peer.is_library)
        peer.check(job)
    return timing


def _settle(job: Job) -> None:
    """Flush pending writes of a run, so that they do not slow down the next one."""
    subprocess.run(["sync", "--file-system", str(job.folder)], check=True)


@contextmanager
def base_of(place: Place, asked: Race, say: Say) -> Iterator[str]:
    """Serve a race's files; yields the base URL."""
    if asked.is_tls:
        yield place.server.tls
    elif asked.is_distant:
        say(f"the proxy without its delay: {_ceiling(place, asked):,.0f} files/s with curl")
        with distant(place.server.port) as base:
            yield base
    else:
        yield place.server.plain


def _ceiling(place: Place, asked: Race) -> float:
    """Files a second that pass the proxy without a delay."""
    files = made(place.sets, asked.shape)
    with distant(place.server.port, round_trip=0) as base, place.job(files, base, asked) as job:
        return len(job.urls) / run(PEERS["curl"].write_commands(job, "")).job
