"""A process that downloads: jobs come on its standard input, results go to its standard output, both pickled.

It ends when its input does: with the process that started it, however that ended.
"""

import gc
import os
import pickle
import sys
import threading
import traceback
from typing import Any

from airnub_core.garbage import RARELY
from airnub_core.http.downloader import Downloader
from airnub_core.http.request import Result, Started

CLOSE, STOP = "close", "stop"


def main() -> None:
    """Do what standard input says; see `Downloader` for the settings in its first message."""
    gc.freeze()  # what was imported stays
    gc.set_threshold(*RARELY)
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def send(packet: list[Result] | Started | None) -> None:
        try:
            pickle.dump(packet, sink, protocol=pickle.HIGHEST_PROTOCOL)
            sink.flush()
        except BrokenPipeError:
            os._exit(1)

    settings: dict[str, Any] = pickle.load(source)  # noqa: S301  # from the process that started this one
    downloader = Downloader(**settings, on_results=send)
    send(Started(downloader.folder))

    def listen() -> None:
        while True:
            try:
                message = pickle.load(source)  # noqa: S301
            except (EOFError, pickle.UnpicklingError):
                # Whoever wanted the results is dead. What is staged is whole or not there; the next run looks at it.
                os._exit(1)
            if message == CLOSE:
                downloader.close()
            elif message == STOP:
                downloader.stop()
            else:
                downloader.add(message)

    threading.Thread(target=listen, name="airnub-jobs", daemon=True).start()
    # The thread that listens cannot be stopped, and Python would wait for it.
    try:
        downloader.run()
        send(None)
    except BaseException:  # noqa: BLE001  # it is shown, and the exit status says so to the process that started this
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
