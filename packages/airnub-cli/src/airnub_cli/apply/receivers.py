"""Receivers of notifications: the active departments of an environment, each with its notification block.

An automation of `configs/automations/` with an action `block: notifications` is an alert. It is sent to the receivers,
and omitted if the environment names no block.

- With `{department}` in its name, it becomes one automation for each active department. `{department}` (its command),
  `{module}` (its package), `{pool}` (of this environment), `{display}`, `{owner}` and `{contacts}` are resolved in all
  of its texts.
- Otherwise it is one automation without placeholders, whose action is repeated for each distinct block.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airnub_cli.configuration.environment import EnvironmentFile
from airnub_cli.configuration.registry import Names, Registered
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

NOTIFICATIONS = "notifications"
"""Stands for the block of the environment, in place of a block."""
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
