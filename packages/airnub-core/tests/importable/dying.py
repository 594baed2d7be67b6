"""A process that is killed in the middle of its work on an index in SQLite."""

DYING = """
import json, os, signal, sqlite3, sys
from datetime import UTC, datetime
from pathlib import Path
from airnub_core.store.index import SqliteIndex
from airnub_core.store.manifest import Manifest, url_digest

class Dying(sqlite3.Connection):
    left = None
    def execute(self, *arguments):
        self.step()
        return super().execute(*arguments)
    def executemany(self, *arguments):
        self.step()
        return super().executemany(*arguments)
    def step(self):
        if Dying.left is not None:
            Dying.left -= 1
            if Dying.left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

connect = sqlite3.connect
sqlite3.connect = lambda *arguments, **options: connect(*arguments, factory=Dying, **options)
path = Path(sys.argv[1])
"""
"""Begins a program: once `Dying.left` is set, its process is killed before so many statements more."""
