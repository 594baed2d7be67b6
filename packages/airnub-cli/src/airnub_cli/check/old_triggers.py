"""Old triggers: stages that start when the run of the stage before has completed; one warning for each department.

They go on working, but a run with a single failed item completes nothing, and so holds back every later stage.
"""

from collections.abc import Iterator, Sequence

from airnub_cli.check.check_warning import CheckWarning
from airnub_cli.compile.department_file import DepartmentFile, list_at, mapping_at

_COMPLETED = "prefect.flow-run.Completed"


def check_triggers(sources: Sequence[DepartmentFile]) -> Iterator[CheckWarning]:
    """A warning where deployments of a department wait for the completion of its ingestion or of its processing.

    Args:
        sources: the departments' files.
    """
    for source in sources:
        old = list(_old(source))
        if old:
            names = " and ".join(dict.fromkeys(name for name, _ in old))
            place = old[0][1]
            message = (
                f"{names}: the trigger is of the old form: it waits for a completed run, so one failed item holds the "
                "stage back. Expected the events airnub.ingestion.ended and airnub.dataset.updated; "
                "`airnub template update` brings them (docs/deployments.md)"
            )
            yield CheckWarning(str(source.path), source.file.line(place), message)


def _old(source: DepartmentFile) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """Names of deployments with such a trigger, and where that stands."""
    before = {f"{source.command}-ingestion", f"{source.command}-processing"}
    for entry in source.entries():
        for index, trigger in enumerate(list_at(entry.value, "triggers")):
            awaited = mapping_at(trigger, "match_related").get("prefect.resource.name")
            if _COMPLETED in list_at(trigger, "expect") and isinstance(awaited, str) and awaited in before:
                yield str(entry.name), ("deployments", entry.index, "triggers", index)
