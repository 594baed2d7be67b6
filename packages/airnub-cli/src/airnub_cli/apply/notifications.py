"""An automation per department that notifies its contacts when a run fails, generated from the registry.

The environment names the block that tells them; where it names none, there are no such automations.
"""

from collections.abc import Iterable
from pathlib import Path

from prefect.blocks.abstract import NotificationBlock

from airnub_cli.apply.automations import RESERVED, AutomationFile
from airnub_cli.apply.blocks import known_type
from airnub_cli.apply.receivers import Receiver, receivers_of
from airnub_cli.configuration.entry_files import Diagnostics, EntryFile
from airnub_cli.configuration.environment import Environment
from airnub_cli.configuration.registry import Names, load_registry
from airnub_prefect.errors import ConfigurationError

KEY = "notifications"
# A run that Prefect ends for taking too long has Failed, too, but its event is called by the name of the state.
_ENDS = ("Failed", "Crashed", "TimedOut")
_SUBJECT = "%s: {{ flow_run.name }} of {{ deployment.name }} is {{ flow_run.state.name }}"
_BODY = """\
{{ flow_run.state.message }}

Run: {{ flow_run|ui_url or flow_run.id }}
Owner: %s
Contacts: %s
"""


def notification_name(names: Names) -> str:
    """Of the automation of a department."""
    return f"{RESERVED}{names.slug}"


def read_receivers(root: Path, environment: Environment, mistakes: Diagnostics) -> list[Receiver]:
    """The active departments and the block of each; none where the environment names no block.

    Args:
        root: of the repository.
        environment: which.
        mistakes: gathers what is wrong.
    """
    reference = environment.says.notifications if environment.says else None
    if environment.says is None or reference is None:
        return []
    kind = known_type(reference.partition("/")[0])
    if kind is not None and not issubclass(kind, NotificationBlock):
        message = f"expected a block that sends notifications, such as slack-webhook/NAME, found {reference!r}"
        mistakes.add(environment.file, (KEY,), message)
    try:
        departments = load_registry(root).departments
    except ConfigurationError as error:
        mistakes.found += error.mistakes
        return []
    return receivers_of(environment.says, departments)


def notifications(environment: Environment, receivers: Iterable[Receiver]) -> list[EntryFile[AutomationFile]]:
    """The automations that tell the contacts of departments of runs that failed.

    Args:
        environment: names the block.
        receivers: the departments.
    """
    return [EntryFile(environment.file, _automation(one)) for one in receivers]


def _automation(receiver: Receiver) -> AutomationFile:
    texts = receiver.texts
    return AutomationFile(
        name=notification_name(Names(texts["module"])),
        description=f"Tells the contacts of {texts['display']} of runs that failed.",
        tags=receiver.tags,
        trigger={
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            # Of its deployments alone: what fails in a part of a run fails the run, and is told once.
            "match_related": [
                {"prefect.resource.id": f"prefect.tag.department:{texts['module']}", "prefect.resource.role": "tag"},
                {"prefect.resource.id": "prefect.deployment.*", "prefect.resource.role": "deployment"},
            ],
            "expect": [f"prefect.flow-run.{end}" for end in _ENDS],
            "for_each": ["prefect.resource.id"],
            "threshold": 1,
        },
        actions=[
            {
                "type": "send-notification",
                "block": receiver.block,
                "subject": _SUBJECT % texts["display"],
                "body": _BODY % (texts["owner"], texts["contacts"]),
            }
        ],
    )
