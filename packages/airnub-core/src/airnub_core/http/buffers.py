"""Buffers: pieces of memory that large files are collected in, as the disk likes them: aligned, and not too many."""

import mmap
from queue import Empty, SimpleQueue

SPARE = 8
"""Beyond one for each connection: being hashed and written. Without them a transfer would wait for itself."""
LARGEST, SMALLEST = 1024 * 1024, 128 * 1024


class Buffer:
    """Memory, and how much of it is filled."""

    __slots__ = ("filled", "view")

    def __init__(self, size: int) -> None:
        # Memory of its own pages is aligned to them, which writing past the page cache (O_DIRECT) asks for.
        self.view = memoryview(mmap.mmap(-1, size))
        self.filled = 0


class Buffers:
    """A pool; who takes a buffer when all are in use waits for one to be written."""

    def __init__(self, connections: int, budget: int) -> None:
        """Plan, and take no memory yet.

        Args:
            connections: how many files may be collected at the same time.
            budget: bytes, as far as the smallest buffers allow.
        """
        self._left = connections + SPARE
        self.size = max(SMALLEST, min(LARGEST, budget // self._left // SMALLEST * SMALLEST))
        """Of each, in bytes."""
        self._free: SimpleQueue[Buffer] = SimpleQueue()

    def take(self) -> Buffer:
        """An empty buffer."""
        try:
            return self._free.get_nowait()
        except Empty:
            if self._left:
                self._left -= 1
                return Buffer(self.size)
        return self._free.get()

    def give_back(self, buffer: Buffer) -> None:
        """It may be used again."""
        buffer.filled = 0
        self._free.put(buffer)
