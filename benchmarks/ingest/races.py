"""Running a race: we and a peer in turns, each on a fresh place, each result checked."""

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
    """Where everything is."""

    work: Path
    """For sets, peers and images; kept."""
    server: Server
    target: Folder | Image

    @property
    def sets(self) -> Path:
        """What the server shows."""
        return self.work / "sets"

    @contextmanager
    def job(self, files: FileSet, base: str, race: Race) -> Iterator[Job]:
        """A job with a fresh folder."""
        with self.target.fresh() as folder, tempfile.TemporaryDirectory(prefix="airnub-benchmark-") as scratch:
            certificate = self.server.certificate if race.is_tls else None
            yield Job(files, base, race.connections, folder, Path(scratch), certificate, race.is_distant)


def race(place: Place, asked: Race, peers: Sequence[str], rounds: int, say: Say) -> list[Result]:
    """Pairs of runs with each of the peers that have a part in this race; every pair in the other order than the last.

    Raises:
        FailedRunError: our program ended with an error. A peer's error takes the peer out of the race.
        WrongResultError: our program did not do its job.
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
    """One run of a peer, checked.

    Raises:
        FailedRunError: it ended with an error.
        WrongResultError: it did not do its job.
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
    """What a run left to be written later is no part of the next."""
    subprocess.run(["sync", "--file-system", str(job.folder)], check=True)


@contextmanager
def base_of(place: Place, asked: Race, say: Say) -> Iterator[str]:
    """Where a race's files are served."""
    if asked.is_tls:
        yield place.server.tls
    elif asked.is_distant:
        say(f"the proxy without its delay: {_ceiling(place, asked):,.0f} files/s with curl")
        with distant(place.server.port) as base:
            yield base
    else:
        yield place.server.plain


def _ceiling(place: Place, asked: Race) -> float:
    """Files a second that the proxy lets through when it delays nothing."""
    files = made(place.sets, asked.shape)
    with distant(place.server.port, round_trip=0) as base, place.job(files, base, asked) as job:
        return len(job.urls) / run(PEERS["curl"].write_commands(job, "")).job
