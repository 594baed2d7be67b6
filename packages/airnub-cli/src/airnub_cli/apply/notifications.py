"""Notifications: alerts of `configs/automations/`, and one automation per department that reports failed runs.

The environment names the block that sends them; without one, there are no notifications. The receivers are the active
departments, each with that block.

An automation of `configs/automations/` with an action `block: notifications` is an alert:

- With `{department}` in its name, it becomes one automation for each active department. `{department}` (its command),
  `{module}` (its package), `{pool}` (of this environment), `{display}`, `{owner}` and `{contacts}` are resolved in all
  of its texts.
- Otherwise it is one automation without placeholders, whose action is repeated for each distinct block.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.blocks.abstract import NotificationBlock

from airnub_cli.apply.blocks import known_type
from airnub_cli.configuration.entry_files import Diagnostics
from airnub_cli.configuration.environment import Environment, EnvironmentFile
from airnub_cli.configuration.registry import Names, Registered, load_registry
from airnub_prefect.errors import ConfigurationError
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

NOTIFICATIONS = "notifications"
"""The key of an environment that names the block; in an action, it stands for that block."""
RESERVED = "tell-contacts-of-"
"""Prefix of the names of the generated automations."""
DEPARTMENT = "{department}"
PLACEHOLDERS = ("department", "module", "pool", "display", "owner", "contacts")

# Not a part of `{{ … }}`, which the server resolves when it sends.
_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-z]+)\}(?!\})")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A department with the block that sends its alerts, such as `slack-webhook/operators`."""

    block: str
    texts: Mapping[str, str]
    """The values of the placeholders."""

    @property
    def tags(self) -> list[str]:
        """Tags of the department's automations."""
        return [f"department:{self.texts['module']}", f"owner:{self.texts['owner']}"]


def receivers_of(environment: EnvironmentFile, departments: Iterable[Registered]) -> list[Receiver]:
    """List the receivers, one for each active department; none if the environment names no block.

    Args:
        environment: names the block.
        departments: of the registry.
    """
    if environment.notifications is None:
        return []
    return [_receiver(environment, environment.notifications, one) for one in departments if one.status == "active"]


def addressed(automation: Mapping[str, Any], receivers: Sequence[Receiver]) -> Iterator[dict[str, Any]]:
    """Address an alert to the receivers; any other automation is yielded unchanged.

    Args:
        automation: the content of its file.
        receivers: of the environment.
    """
    actions = automation["actions"]
    if all(action.get("block") != NOTIFICATIONS for action in actions):
        yield dict(automation)
    elif DEPARTMENT in automation["name"]:
        for receiver in receivers:
            made = _filled(automation, receiver.texts)
            tags = [*made["tags"], *receiver.tags]
            yield made | {"tags": tags, "actions": [_sent_by(one, receiver.block) for one in made["actions"]]}
    elif receivers:
        blocks = list(dict.fromkeys(receiver.block for receiver in receivers))
        repeated = [
            _sent_by(action, block)
            for action in actions
            for block in (blocks if action.get("block") == NOTIFICATIONS else [""])
        ]
        yield {**automation, "actions": repeated}


def wrong_placeholders(automation: Mapping[str, Any]) -> Iterator[tuple[Place, str]]:
    """Find placeholders of an alert that cannot be resolved, each with its place.

    Args:
        automation: the content of its file.
    """
    if all(action.get("block") != NOTIFICATIONS for action in automation["actions"]):
        return
    is_for_each = DEPARTMENT in automation["name"]
    for place, text in _texts(automation, ()):
        for name in _PLACEHOLDER.findall(text):
            if name not in PLACEHOLDERS:
                yield place, f"unknown placeholder {{{name}}}; {nearest_or_all(name, PLACEHOLDERS)}"
            elif not is_for_each:
                yield place, f"{{{name}}} differs by department: expected {DEPARTMENT} in the name of the automation"


def _texts(value: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _texts(entry, (*place, key))
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _texts(entry, (*place, index))


def _receiver(environment: EnvironmentFile, block: str, department: Registered) -> Receiver:
    names = Names(department.id, department.display_name)
    over = environment.pools.get(names.slug)
    texts = {
        "department": names.slug,
        "module": names.module,
        "pool": (over.name if over else None) or names.slug,
        "display": names.display,
        "owner": department.owner,
        "contacts": ", ".join(department.contacts),
    }
    return Receiver(block.replace(DEPARTMENT, names.slug), texts)


def _sent_by(action: Mapping[str, Any], block: str) -> dict[str, Any]:
    return {**action, "block": block} if action.get("block") == NOTIFICATIONS else dict(action)


def _filled(value: Any, texts: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACEHOLDER.sub(lambda match: texts.get(match[1], match[0]), value)
    if isinstance(value, dict):
        return {key: _filled(entry, texts) for key, entry in value.items()}
    return [_filled(entry, texts) for entry in value] if isinstance(value, list) else value


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
        mistakes.add(environment.file, (NOTIFICATIONS,), message)
    try:
        departments = load_registry(root).departments
    except ConfigurationError as error:
        mistakes.found += error.mistakes
        return []
    return receivers_of(environment.says, departments)


def failure_notification(receiver: Receiver) -> dict[str, Any]:
    """The automation that notifies the contacts of a department of failed runs."""
    texts = receiver.texts
    return {
        "name": notification_name(Names(texts["module"])),
        "description": f"Notifies the contacts of {texts['display']} of failed runs.",
        "tags": receiver.tags,
        "trigger": {
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
        "actions": [
            {
                "type": "send-notification",
                "block": receiver.block,
                "subject": _SUBJECT % texts["display"],
                "body": _BODY % (texts["owner"], texts["contacts"]),
            }
        ],
    }
