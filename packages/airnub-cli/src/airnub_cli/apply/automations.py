"""Automations of the Prefect server, one per file in `configs/automations/`.

Triggers of a deployment itself are in the department's `prefect.yaml`. An automation that sends to
`block: notifications` goes to the receivers of the environment (`notifications`).

Prefect ignores unknown keys, and a trigger with a misspelt `expect` fires at every event: here both are mistakes.
`enabled` applies to new automations only; afterwards operators decide.
"""

from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Annotated, Any, get_args

from prefect.events.actions import ActionTypes
from prefect.events.schemas.automations import (
    AutomationCore,
    CompoundTrigger,
    EventTrigger,
    MetricTrigger,
    SequenceTrigger,
)
from pydantic import BaseModel, Field, ValidationError

from airnub_cli.apply.blocks import FOLDER as BLOCKS
from airnub_cli.apply.blocks import block_id, required_block_id
from airnub_cli.apply.notifications import (
    NOTIFICATIONS,
    RESERVED,
    Receiver,
    addressed,
    failure_notification,
    wrong_placeholders,
)
from airnub_cli.apply.work_pools import PREFECTS_HEARTBEAT, Pool
from airnub_cli.configuration.entry_files import Diagnostics, Entry, EntryFile, read_entries
from airnub_cli.configuration.environment import Environment
from airnub_cli.prefect_api import Action, BackendError, Change, Json, PrefectServer, differences, path_of, unchanged
from airnub_prefect.validation import nearest_or_all
from airnub_prefect.yaml_file import Place

FOLDER = Path("configs", "automations")
TAG = "airnub"
BEATS = 2.5
"""Number of heartbeat intervals after which a run counts as crashed, since a heartbeat may be late or lost."""

_HEARTBEAT = "prefect.flow-run.heartbeat"
_SOME_ID = "00000000-0000-0000-0000-000000000000"
_TRIGGERS: dict[str, type[BaseModel]] = {
    "event": EventTrigger, "metric": MetricTrigger, "compound": CompoundTrigger, "sequence": SequenceTrigger
}  # fmt: skip
_ACTIONS: dict[str, type[BaseModel]] = {
    get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(ActionTypes)
}


class AutomationFile(Entry):
    """The content of an automation's file; trigger and actions as Prefect documents them.

    In place of `block_document_id`, an action names a block: `block: slack-webhook/operators`.
    """

    description: str = ""
    enabled: bool = True
    """Applies to a new automation."""
    tags: list[str] = []
    trigger: dict[str, Any]
    actions: Annotated[list[dict[str, Any]], Field(min_length=1)]


def read_automations(
    root: Path,
    environment: Environment,
    pools: Iterable[Pool] | None,
    mistakes: Diagnostics,
    receivers: Sequence[Receiver] = (),
) -> list[EntryFile[AutomationFile]]:
    """Read the automations of an environment, and generate one for each receiver, which reports failed runs.

    Args:
        root: of the repository.
        environment: the environment to apply.
        pools: the work pools, which have the heartbeat intervals; `None` if they have mistakes.
        mistakes: collects the mistakes.
        receivers: of notifications; without one, automations that send to `block: notifications` are omitted.
    """
    found: list[EntryFile[AutomationFile]] = []
    beats = None if pools is None else [pool.heartbeat for pool in pools]
    for source in read_entries(AutomationFile, root / FOLDER, environment, mistakes):
        says = source.says
        wrong = [
            *_wrong_trigger(says.trigger, ("trigger",)),
            *_wrong_actions(says.actions),
            *wrong_placeholders(says.model_dump()),
        ]
        if not wrong and beats is not None:
            wrong = list(_too_early(says.trigger, beats))
        if says.name.startswith(RESERVED):
            wrong.append(
                (("name",), f"expected a name that does not begin with {RESERVED}, which is reserved for departments")
            )
        for place, message in wrong:
            mistakes.add(source.file, place, message)
        if not wrong:
            found += [EntryFile(source.file, AutomationFile(**one)) for one in addressed(says.model_dump(), receivers)]
    return found + [EntryFile(environment.file, AutomationFile(**failure_notification(one))) for one in receivers]


def compare_automations(
    server: PrefectServer, wanted: Iterable[EntryFile[AutomationFile]], blocks: Collection[str], mistakes: Diagnostics
) -> list[Change]:
    """Compare automations with those of the server; nothing is sent.

    Args:
        server: the server to read from.
        wanted: the desired automations.
        blocks: blocks of the repository, such as `slack-webhook/operators`.
        mistakes: collects actions whose block is neither in the repository nor on the server.

    Raises:
        BackendError: the server has several automations of one name.
    """
    sources = list(wanted)
    asked = {reference for source in sources for reference in _references(source.says)} - set(blocks)
    lacking = {reference for reference in asked if block_id(server, reference) is None}
    for source in sources:
        for index, action in enumerate(source.says.actions):
            if (reference := action.get("block")) in lacking:
                message = f"expected the block {reference} in {BLOCKS.as_posix()} or on the server, found none"
                # `notifications` of an environment, or `actions` of an automation.
                mistakes.add(source.file, ("notifications", "actions", index, "block"), message)
    # Automations of a deployment's triggers belong to the deployment.
    live = [one for one in server.all("/automations/filter") if not one.get("owner_resource")]
    return [
        _compared(server, source.says, [one for one in live if one["name"] == source.says.name]) for source in sources
    ]


def _compared(server: PrefectServer, says: AutomationFile, live: list[Json]) -> Change:
    if len(live) > 1:
        several = ", ".join(one["id"] for one in live)
        raise BackendError(
            f"expected one automation called {says.name!r} on the server, found {len(live)}, since Prefect allows "
            f"duplicate names; delete all but one: {several}. Nothing was sent"
        )
    if not live:
        return Change(
            "automation", says.name, Action.CREATED,
            lambda: _done(server.post("/automations/", _sent(server, says, enabled=says.enabled))),
        )  # fmt: skip
    [found] = live
    enabled = found["enabled"]
    kept = ("disabled" if says.enabled else "enabled",) if enabled is not says.enabled else ()
    ids = {reference: block_id(server, reference) or _SOME_ID for reference in _references(says)}
    different = tuple(differences(_normal(_spec(says, ids)), _normal(found)))
    if not different:
        return unchanged("automation", says.name, kept)
    return Change(
        "automation", says.name, Action.UPDATED,
        lambda: server.put(path_of("automations", found["id"]), _sent(server, says, enabled=enabled)), different, kept,
    )  # fmt: skip


def _sent(server: PrefectServer, says: AutomationFile, *, enabled: bool) -> Json:
    ids = {reference: required_block_id(server, reference) for reference in _references(says)}
    core = AutomationCore.model_validate(_spec(says, ids) | {"enabled": enabled})
    return core.model_dump(mode="json", exclude={"owner_resource"})


def _spec(says: AutomationFile, ids: dict[str, str]) -> Json:
    actions = deepcopy(says.actions)
    for action in actions:
        if "block" in action:
            action["block_document_id"] = ids[action.pop("block")]
    return {
        "name": says.name,
        "description": says.description,
        "tags": sorted({TAG, *says.tags}),
        "trigger": says.trigger,
        "actions": actions,
    }


def _references(says: AutomationFile) -> list[str]:
    return [action["block"] for action in says.actions if "block" in action]


def _normal(automation: Json) -> Json:
    """Normalise an automation for comparison; lists that are sets in Prefect are sorted."""
    core = AutomationCore.model_validate(automation).model_dump(mode="json", exclude={"owner_resource", "enabled"})
    core["tags"] = sorted(core["tags"])
    core["trigger"] = _sorted_sets(core["trigger"])
    return core


def _sorted_sets(trigger: Json) -> Json:
    sets = {name: sorted(trigger[name]) for name in ("after", "expect", "for_each") if name in trigger}
    inner = {"triggers": [_sorted_sets(one) for one in trigger["triggers"]]} if "triggers" in trigger else {}
    return trigger | sets | inner


def _wrong_trigger(trigger: Any, place: Place) -> Iterator[tuple[Place, str]]:
    if not isinstance(trigger, dict):
        yield place, f"{_name(place)}: expected a mapping"
        return
    kind = yield from _kind(trigger, _TRIGGERS, place)
    if kind is None:
        return
    inner = trigger.get("triggers")
    if isinstance(inner, list):
        for index, one in enumerate(inner):
            yield from _wrong_trigger(one, (*place, "triggers", index))
    elif kind is EventTrigger and not trigger.get("expect"):
        yield place, f"{_name(place)}.expect: expected names of events, found none; it would fire at every event"
    if not any(isinstance(one, dict) for one in inner or ()):
        yield from _invalid(kind, trigger, place)


def _wrong_actions(actions: list[dict[str, Any]]) -> Iterator[tuple[Place, str]]:
    for index, action in enumerate(actions):
        place: Place = ("actions", index)
        plain = dict(action)
        reference = plain.pop("block", None)
        if reference is not None:
            plain["block_document_id"] = _SOME_ID
            if not isinstance(reference, str) or (reference != NOTIFICATIONS and reference.count("/") != 1):
                expected = f"expected TYPE/NAME, such as slack-webhook/operators, or {NOTIFICATIONS}"
                yield (*place, "block"), f"{_name(place)}.block: {expected}"
        kind = yield from _kind(plain, _ACTIONS, place)
        if kind is not None:
            yield from _invalid(kind, plain, place)


def _kind(
    value: dict[str, Any], kinds: dict[str, type[BaseModel]], place: Place
) -> Generator[tuple[Place, str], None, type[BaseModel] | None]:
    name = value.get("type")
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        advice = nearest_or_all(str(name), kinds)
        yield (*place, "type"), f"{_name(place)}.type: unknown type {name!r}; {advice}"
        return None
    for key in value:
        if key not in kind.model_fields:
            yield (
                (*place, key),
                f"unknown key '{_name(place)}.{key}'; {nearest_or_all(key, kind.model_fields)}",
            )
    return kind


def _invalid(kind: type[BaseModel], value: dict[str, Any], place: Place) -> Iterator[tuple[Place, str]]:
    try:
        kind.model_validate(value)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            at = (*place, *detail["loc"])
            yield at, f"{_name(at)}: {detail['msg'].removeprefix('Value error, ')}"


def _too_early(trigger: dict[str, Any], beats: list[int]) -> Iterator[tuple[Place, str]]:
    """Find a timeout below 2.5 heartbeats of the matched runs, which would mark healthy runs as crashed."""
    if trigger.get("posture") != "Proactive" or _HEARTBEAT not in trigger.get("after", ()):
        return
    # Runs of our deployments have our tag and the interval of their pool; all others have Prefect's default.
    related = trigger.get("match_related")
    is_ours = isinstance(related, dict) and related.get("prefect.resource.id") == f"prefect.tag.{TAG}"
    beats = beats if is_ours else [*beats, PREFECTS_HEARTBEAT]
    slowest = max(beats, default=0)  # without pools there are no such runs
    within = trigger.get("within", 0)
    if isinstance(within, int | float) and within < slowest * BEATS:
        message = (
            f"trigger.within: expected at least {slowest * BEATS:g} seconds, found {within}: runs that this matches "
            f"send a heartbeat every {slowest} s, and healthy ones would be marked as crashed"
        )
        yield ("trigger", "within"), message


def _name(place: Place) -> str:
    return ".".join(map(str, place))


def _done(_: Json) -> None: ...
