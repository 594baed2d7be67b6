"""An automation per department that notifies its contacts when a run fails, generated from the registry.

The environment names the block that sends the notifications; without one, there are no such automations.
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
# A run that exceeds its timeout is of type Failed too, but its event has the name of the state.
_ENDS = ("Failed", "Crashed", "TimedOut")
_SUBJECT = "%s: {{ flow_run.name }} of {{ deployment.name }} is {{ flow_run.state.name }}"
_BODY = """\
{{ flow_run.state.message }}

Run: {{ flow_run|ui_url or flow_run.id }}
Owner: %s
Contacts: %s
"""


def notification_name(names: Names) -> str:
    """The name of a department's automation."""
    return f"{RESERVED}{names.slug}"


def read_receivers(root: Path, environment: Environment, mistakes: Diagnostics) -> list[Receiver]:
    """Read the active departments, each with its notification block; none if the environment has no block.

    Args:
        root: of the repository.
        environment: the environment to apply.
        mistakes: collects the mistakes.
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
    """Generate the automations that notify the contacts of departments of failed runs.

    Args:
        environment: its file is named in mistakes.
        receivers: the departments with their blocks.
    """
    return [EntryFile(environment.file, _automation(one)) for one in receivers]


def _automation(receiver: Receiver) -> AutomationFile:
    texts = receiver.texts
    return AutomationFile(
        name=notification_name(Names(texts["module"])),
        description=f"Notifies the contacts of {texts['display']} of failed runs.",
        tags=receiver.tags,
        trigger={
            "type": "event",
            "posture": "Reactive",
            "match": {"prefect.resource.id": "prefect.flow-run.*"},
            # Only runs of deployments: a failed subflow run also fails its parent, and one notification is enough.
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
