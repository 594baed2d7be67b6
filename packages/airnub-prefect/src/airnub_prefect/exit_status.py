"""Exit statuses in words: `137` and `-9` are both "killed (signal 9)"."""

import signal

_OF_SHELLS = 128


def described(status: int, *, out_of_memory: bool = False) -> str:
    """What ended a process, for the message of a run.

    Args:
        status: as Python (`-9`) or a container (`137`) says it.
        out_of_memory: whether the engine says that the memory limit was reached; a kill alone does not mean that.

    >>> described(137)
    'killed (signal 9)'
    >>> described(137, out_of_memory=True)
    'out of memory: the engine reports that the memory limit was reached (signal 9)'
    >>> described(143), described(-15), described(3)
    ('ended by SIGTERM (signal 15)', 'ended by SIGTERM (signal 15)', 'exit status 3')
    """
    number = -status if status < 0 else status - _OF_SHELLS
    ended_by = f"signal {number}" if number in _NAMES else f"exit status {status}"
    if out_of_memory:
        return f"out of memory: the engine reports that the memory limit was reached ({ended_by})"
    if number == signal.SIGKILL:
        return f"killed ({ended_by})"
    return f"ended by {_NAMES[number]} ({ended_by})" if number in _NAMES else ended_by


_NAMES = {one.value: one.name for one in signal.Signals}
