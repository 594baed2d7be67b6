"""The git repository: differences between the working tree and a commit, and the content of files at a commit."""

import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from airnub_cli import subprocesses
from airnub_cli.subprocesses import ProgramError

_LINK, _NOTHING = "120000", "0" * 6
_DEEPER = (
    "this clone is shallow, and the commit may be beyond its depth: run `git fetch --unshallow` and try again "
    "(with actions/checkout: `fetch-depth: 0`)"
)


class RepositoryError(Exception):
    """Git is not installed, the folder is not a repository, or a reference is unknown."""


@dataclass(frozen=True, slots=True, order=True)
class FileChange:
    """A file that differs from the compared commit."""

    path: str
    """Relative to the root of the workspace. A rename is one deleted and one added file."""
    what: Literal["added", "changed", "deleted"]


class Repository:
    """The git repository that contains a workspace."""

    def __init__(self, root: Path) -> None:
        """Open the repository around a workspace's root, which may be a folder inside it.

        Raises:
            RepositoryError: there is no repository, or git is not installed.
        """
        self._root = root
        self._git("rev-parse", "--git-dir", expected=f"a git repository around {root}")

    def base(self, reference: str) -> str:
        """Find the merge base of HEAD and a branch, a tag or a commit.

        Raises:
            RepositoryError: there is none, or a shallow clone does not contain it.
        """
        commit = self._try("rev-parse", "--verify", "--quiet", "--end-of-options", f"{reference}^{{commit}}")
        if commit is None:
            raise RepositoryError(self._unknown(reference))
        if self._try("rev-parse", "--verify", "--quiet", "HEAD^{commit}") is None:
            raise RepositoryError("expected HEAD to be a commit, found none; commit something first")
        base = self._try("merge-base", commit, "HEAD")
        if base is None:
            advice = _DEEPER if self._is_shallow() else "compare with the branch that this one was created from"
            raise RepositoryError(f"expected {reference} and HEAD to have a common ancestor, found none; {advice}")
        return base

    def changes(self, base: str) -> list[FileChange]:
        """List the files of the working tree that differ from a commit, with uncommitted and untracked files.

        Ignored files are omitted.

        Raises:
            RepositoryError: git failed.
        """
        # A rename is a delete and an add, since both paths may affect a target.
        differs = self._start("diff", "--raw", "-z", "--no-renames", "--no-abbrev", "--no-ext-diff", "--relative", base)
        others = self._start("ls-files", "--others", "--exclude-standard", "-z")
        staged = self._start("ls-files", "--stage", "-z")
        before: dict[str, tuple[str, str]] = {}
        found: dict[str, FileChange] = {}
        doubtful: set[str] = set()
        fields = os.fsdecode(self._finish(differs)).split("\0")
        for entry, path in zip(fields[:-1:2], fields[1::2], strict=True):
            old_mode, _, old, new, status = entry.removeprefix(":").split(" ")
            if status == "U":  # an unresolved merge: the file contains conflict markers
                found[path] = FileChange(path, "changed")
                continue
            before[path] = old_mode, old
            found[path] = FileChange(path, "added" if old_mode == _NOTHING else "changed")
            if not new.strip("0"):
                doubtful.add(path)
        for path in filter(None, os.fsdecode(self._finish(others)).split("\0")):
            found.setdefault(path, FileChange(path, "added"))
            doubtful.add(path)
        for path in sorted(doubtful):
            file = self._root / path
            if not (file.is_symlink() or file.exists()):
                found[path] = FileChange(path, "deleted")
        for path in self._same([path for path in doubtful if found[path].what == "changed"], before):
            del found[path]
        for path in self._links(os.fsdecode(self._finish(staged))):
            target = os.path.normpath(PurePosixPath(path).parent / (self._root / path).readlink())
            if target in found:
                found.setdefault(path, FileChange(path, "changed"))
        return sorted(found.values())

    def texts(self, commit: str, paths: Iterable[str]) -> dict[str, str]:
        """The content of files at a commit, by path; files that the commit does not have are omitted.

        Raises:
            RepositoryError: git failed.
        """
        asked = list(paths)
        if not asked:
            return {}
        given = os.fsencode("".join(f"{commit}:./{path}\n" for path in asked))
        found, rest = {}, self._finish(self._start("cat-file", "--batch", stdin=subprocess.PIPE), given)
        for path in asked:
            head, _, rest = rest.partition(b"\n")
            words = head.split()
            if len(words) == 3 and words[1] == b"blob":
                size = int(words[2])
                found[path], rest = rest[:size].decode("utf-8", "replace"), rest[size + 1 :]
            elif len(words) == 3 and words[1] != b"missing":
                rest = rest[int(words[2]) + 1 :]
        return found

    def tracked(self, paths: Iterable[str]) -> set[str]:
        """Return which of some files git tracks, including those that a sparse checkout omits.

        Raises:
            RepositoryError: git failed.
        """
        asked = list(paths)
        found = self._finish(self._start("ls-files", "-z", "--", *asked)) if asked else b""
        return set(filter(None, os.fsdecode(found).split("\0")))

    def _same(self, paths: list[str], before: dict[str, tuple[str, str]]) -> list[str]:
        """Return which of some files have the content and mode of the compared commit."""
        plain = [path for path in paths if "\n" not in path and path in before and (self._root / path).is_file()]
        plain = [path for path in plain if not (self._root / path).is_symlink() and before[path][0] != _LINK]
        if not plain:
            return []
        given = os.fsencode("".join(f"{path}\n" for path in plain))
        digests = self._finish(self._start("hash-object", "--stdin-paths", stdin=subprocess.PIPE), given)
        return [
            path
            for path, now in zip(plain, digests.decode().split(), strict=True)
            if before[path] == ("100755" if (self._root / path).stat().st_mode & 0o100 else "100644", now)
        ]

    def _links(self, staged: str) -> list[str]:
        entries = (entry.partition("\t") for entry in staged.split("\0") if entry.startswith(_LINK))
        return [path for _, _, path in entries if (self._root / path).is_symlink()]

    def _unknown(self, reference: str) -> str:
        said = f"expected a commit that git knows, found {reference!r}"
        if reference and not reference.strip("0"):
            return (
                f"{said}, which GitHub sends as `before` of a new branch; compare with the "
                "branch that it was created from"
            )
        if self._is_shallow():
            return f"{said}; {_DEEPER}"
        remote, _, branch = reference.partition("/")
        known = (self._try("remote") or "").split()
        if branch and remote in known:
            return f"{said}; run `git fetch {remote} {branch}` and try again"
        others = [
            f"{one}/{reference}" for one in known if self._try("rev-parse", "--verify", "-q", f"{one}/{reference}")
        ]
        return f"{said}; do you mean {' or '.join(others)}?" if others else f"{said}; `git branch --all` lists branches"

    def _is_shallow(self) -> bool:
        return self._try("rev-parse", "--is-shallow-repository") == "true"

    def _try(self, *arguments: str) -> str | None:
        done = subprocesses.run(["git", *arguments], self._root)
        return done.text.strip() if done.status == 0 else None

    def _git(self, *arguments: str, expected: str) -> str:
        try:
            done = subprocesses.run(["git", *arguments], self._root)
        except ProgramError as error:
            raise RepositoryError(str(error)) from error
        if done.status != 0:
            raise RepositoryError(f"expected {expected}, found: {done.error}")
        return done.text.strip()

    def _start(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        command = ["git", "-c", "core.quotePath=false", *arguments]
        return subprocesses.start(command, self._root, stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def _finish(self, process: subprocess.Popen[bytes], given: bytes | None = None) -> bytes:
        out, err = process.communicate(given)
        if process.returncode != 0:
            raise RepositoryError(f"expected git to read the repository, found: {err.decode(errors='replace').strip()}")
        return out
