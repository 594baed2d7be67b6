"""Agent: what is done with a data root in a container that has its volume.

`python -m airnub_cli.backup.agent ORDER ROOT [LEFT_OUT]…`:

send     the data root on stdout, as a stream; on stdin what the last backup has, as JSON
receive  the same from stdin; `receive-replacing` replaces what is there
content  what is in it, as JSON: words, or null where it is empty
verify   stores and datasets in it, as JSON
"""

import json
import sqlite3
import sys
from pathlib import Path

from airnub_cli.backup.data_root import TreeError, content_of, receive, send
from airnub_prefect.integrity import verify_data


def main(order: str, root: Path, left_out: tuple[str, ...] = ()) -> None:
    """Do what was ordered.

    Raises:
        TreeError, OSError, sqlite3.Error: it cannot be done.
    """
    if order == "send":
        known = {path: tuple(values) for path, values in json.load(sys.stdin).items()}
        send(root, sys.stdout.buffer, known, left_out)
    elif order in {"receive", "receive-replacing"}:
        receive(root, sys.stdin.buffer, left_out, replace=order != "receive")
    elif order == "content":
        sys.stdout.write(json.dumps(content_of(root, left_out)))
    elif order == "verify":
        sys.stdout.write(json.dumps(verify_data(root).as_json()))
    else:
        raise TreeError(f"expected send, receive, receive-replacing, content or verify, found {order!r}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], Path(sys.argv[2]), tuple(sys.argv[3:]))
    except (TreeError, sqlite3.Error) as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(f"{error.filename or sys.argv[2]}: {error.strerror or error}")
