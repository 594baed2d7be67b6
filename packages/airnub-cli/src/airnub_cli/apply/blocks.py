"""Blocks of the Prefect server, from `configs/blocks/`: named values and secrets for flows.

A secret is never in a file: its field is `${NAME}`, and the value comes from the environment or from `.env`. Values are
compared in memory, and only names of fields are printed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import isabstract
from pathlib import Path
from typing import Annotated, Any

import prefect.blocks.notifications
import prefect.blocks.system
import prefect.blocks.webhook
import prefect.filesystems  # noqa: F401  # each registers types of blocks
from prefect.blocks.core import Block as PrefectBlock
from prefect.utilities.schema_tools.validation import validate
from pydantic import Field

from airnub_cli.configuration.dotenv import filled, is_placeholder, missing
from airnub_cli.configuration.entry_files import Diagnostics, Entry, EntryFile, read_entries
from airnub_cli.configuration.environment import Environment
from airnub_cli.prefect_api import Action, BackendError, Change, Json, PrefectServer, differences, path_of, unchanged
from airnub_prefect.validation import nearest, nearest_or_all
from airnub_prefect.yaml_file import Place

FOLDER = Path("configs", "blocks")

SLUG = r"[a-z0-9][a-z0-9-]*"
Reference = Annotated[str, Field(pattern=rf"^{SLUG}/{SLUG}$")]


class BlockFile(Entry):
    """The content of a block's file."""

    name: Annotated[str, Field(pattern=rf"^{SLUG}$")]
    type: Annotated[str, Field(pattern=rf"^{SLUG}$")]
    """The slug of its type: `secret`, `slack-webhook`, `aws-credentials`."""
    fields: dict[str, Any] = {}
    """Values by name; `{block: TYPE/NAME}` refers to a different block."""

    @property
    def identity(self) -> str:
        """`TYPE/NAME`, since blocks of different types may share a name."""
        return f"{self.type}/{self.name}"


@dataclass(frozen=True, slots=True)
class Block:
    """The desired state of a block."""

    source: EntryFile[BlockFile]
    fields: dict[str, Any]
    """The fields with resolved placeholders."""

    @property
    def reference(self) -> str:
        """`secret/usgs-token`."""
        return self.source.says.identity

    @property
    def refers_to(self) -> dict[str, str]:
        """References to other blocks, by field."""
        return {name: value["block"] for name, value in self.fields.items() if is_reference(value)}


@dataclass(frozen=True, slots=True)
class _Type:
    """A block type of the server, or one that has yet to be registered."""

    schema: Json
    type_id: str | None = None
    schema_id: str | None = None
    register: Callable[[], Any] = lambda: None


def is_reference(value: Any) -> bool:
    """Whether the value of a field refers to a block."""
    return isinstance(value, Mapping) and value.keys() == {"block"} and isinstance(value["block"], str)


def read_blocks(root: Path, environment: Environment, values: dict[str, str], mistakes: Diagnostics) -> list[Block]:
    """Read the blocks of an environment, referenced ones first; mistakes and missing secrets are collected."""
    blocks: dict[str, Block] = {}
    for source in read_entries(BlockFile, root / FOLDER, environment, mistakes):
        fields = source.says.fields
        for place, name in missing(fields, values):
            message = f"{source.says.identity}: expected {name} in the environment or in .env, found nothing"
            mistakes.add(source.file, ("fields", *place), message)
        blocks[source.says.identity] = Block(source, filled(fields, values))
    return _in_order(blocks, mistakes)


def _in_order(blocks: dict[str, Block], mistakes: Diagnostics) -> list[Block]:
    done: dict[str, Block] = {}
    while waiting := [block for reference, block in blocks.items() if reference not in done]:
        ready = [one for one in waiting if all(to in done or to not in blocks for to in one.refers_to.values())]
        if not ready:
            for one in waiting:
                mistakes.add(
                    one.source.file,
                    ("fields",),
                    "expected references without a cycle, found blocks that refer to one another",
                )
            return []
        done |= {one.reference: one for one in ready}
    return list(done.values())


def compare_blocks(server: PrefectServer, wanted: Iterable[Block], mistakes: Diagnostics) -> list[Change]:
    """Compare blocks with those of the server; unknown types and fields, and missing references, are collected."""
    blocks = list(wanted)
    ours = {block.reference for block in blocks}
    types: dict[str, _Type | None] = {}
    changes: list[Change] = []
    for block in blocks:
        slug = block.source.says.type
        if slug not in types:
            types[slug] = _find_type(server, slug)
        kind = types[slug]
        before = len(mistakes.found)
        if kind is None:
            mistakes.add(block.source.file, ("type",), _unknown_type(server, slug))
            continue
        for place, message in _wrong_fields(block, kind.schema):
            mistakes.add(block.source.file, place, message)
        for name, reference in block.refers_to.items():
            if reference not in ours and block_id(server, reference) is None:
                message = f"{name}: expected the block {reference} in {FOLDER.as_posix()} or on the server, found none"
                mistakes.add(block.source.file, ("fields", name), message)
        if len(mistakes.found) == before:
            changes.append(_compared(server, block, kind))
    return changes


def block_id(server: PrefectServer, reference: str) -> str | None:
    """The id of a block such as `secret/usgs-token`; `None` if the server has none of this name."""
    found = _read(server, reference, secrets=False)
    return None if found is None else str(found["id"])


def required_block_id(server: PrefectServer, reference: str) -> str:
    """The id of a block that existed when it was compared.

    Raises:
        BackendError: it was deleted in the meantime.
    """
    found = block_id(server, reference)
    if found is None:
        raise BackendError(f"expected the block {reference} on the server, found it deleted; apply again")
    return found


def _read(server: PrefectServer, reference: str, *, secrets: bool) -> Json | None:
    slug, _, name = reference.partition("/")
    path = path_of("block_types", "slug", slug, "block_documents", "name", name)
    return server.get(path, include_secrets=str(secrets).lower())


def _find_type(server: PrefectServer, slug: str) -> _Type | None:
    live = server.get(path_of("block_types", "slug", slug))
    if live is not None:
        filter_ = {"block_schemas": {"block_type_id": {"any_": [live["id"]]}}}
        schemas = server.all("/block_schemas/filter", **filter_)
        if schemas:
            return _Type(schemas[0]["fields"], live["id"], schemas[0]["id"])
    # A new server may not have registered Prefect's own types yet.
    kind = known_type(slug)
    return None if kind is None else _Type(dict(kind.model_json_schema()), register=kind.register_type_and_schema)


def known_type(slug: str) -> type[PrefectBlock] | None:
    """A block type of Prefect or prefect-docker; `None` for types of other packages and unknown ones."""
    if slug.startswith("docker-"):
        # It is slow to import, and rarely needed.
        import prefect_docker.credentials  # type: ignore[import-untyped]  # noqa: F401
    return next((kind for kind in _subclasses(PrefectBlock) if kind.get_block_type_slug() == slug), None)


def _subclasses(kind: type[PrefectBlock]) -> Iterator[type[PrefectBlock]]:
    for one in kind.__subclasses__():
        if not isabstract(one) and not one.__name__.startswith("Abstract"):
            yield one
        yield from _subclasses(one)


def _unknown_type(server: PrefectServer, slug: str) -> str:
    known = {kind.get_block_type_slug() for kind in _subclasses(PrefectBlock)}
    known |= {one["slug"] for one in server.all("/block_types/filter")}
    near = nearest(slug, sorted(known))
    return (
        f"unknown block type {slug!r}; {near or 'the server has ' + ', '.join(sorted(known))}. "
        "Types of other packages come with `prefect block register --module MODULE`"
    )


def _wrong_fields(block: Block, schema: Json) -> Iterator[tuple[Place, str]]:
    properties: Json = schema.get("properties", {})
    written = block.source.says.fields
    for name in written:
        if name not in properties:
            advice = nearest_or_all(name, properties)
            yield ("fields", name), f"unknown field {name!r} of a {block.source.says.type} block; {advice}"
    for name in schema.get("required", ()):
        if name not in written:
            yield ("fields",), f"missing field {name!r} of a {block.source.says.type} block"
    for secret in schema.get("secret_fields", ()):
        for place, value in _at(written, tuple(secret.split("."))):
            if not is_placeholder(value) and not is_reference(value):
                found = f"a text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
                message = (
                    f"{'.'.join(map(str, place))} is secret: expected ${{NAME}}, whose value is not in the repository"
                )
                yield ("fields", *place), f"{message}, found {found}"
    plain = {name: value for name, value in block.fields.items() if name in properties and not is_reference(value)}
    for error in validate(plain, schema, preprocess=False, ignore_required=True):
        # Its message repeats the value, which may be secret.
        place = tuple(error.absolute_path)
        yield (
            ("fields", *place),
            f"{'.'.join(map(str, place))}: expected a value that fits the field ({error.validator})",
        )


def _at(value: Any, steps: Place, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Yield the values at a place; a final `*` stands for every value below."""
    if not steps:
        yield place, value
    elif steps[0] == "*":
        entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for step, entry in entries:
            deeper: Place = ("*",) if isinstance(entry, dict | list) and not is_reference(entry) else ()
            yield from _at(entry, deeper, (*place, step))
    elif isinstance(value, dict) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:], (*place, steps[0]))


def _compared(server: PrefectServer, block: Block, kind: _Type) -> Change:
    live = _read(server, block.reference, secrets=True)
    if live is None:
        return Change("block", block.reference, Action.CREATED, lambda: _create(server, block, kind))
    references = {name: one["block_document"]["id"] for name, one in live["block_document_references"].items()}
    found = {name: value for name, value in live["data"].items() if name not in references} | references
    wanted: Json = {
        name: block_id(server, value["block"]) if is_reference(value) else value for name, value in block.fields.items()
    }
    different = tuple(differences(wanted, found))
    if not different:
        return unchanged("block", block.reference)

    def update() -> None:
        body: Json = {"data": _data(server, block), "merge_existing_data": False}
        if kind.schema_id is not None:
            body["block_schema_id"] = kind.schema_id
        server.patch(path_of("block_documents", live["id"]), body)

    return Change("block", block.reference, Action.UPDATED, update, different)


def _create(server: PrefectServer, block: Block, kind: _Type) -> None:
    slug = block.source.says.type
    if kind.schema_id is None:
        kind.register()
        registered = _find_type(server, slug)
        if registered is None or registered.schema_id is None:
            raise BackendError(
                f"expected the server to register the block type {slug}, found none of this "
                "name afterwards; apply again"
            )
        kind = registered
    body = {
        "name": block.source.says.name,
        "data": _data(server, block),
        "block_type_id": kind.type_id,
        "block_schema_id": kind.schema_id,
    }
    server.post("/block_documents/", body)


def _data(server: PrefectServer, block: Block) -> Json:
    return {
        name: {"$ref": {"block_document_id": required_block_id(server, value["block"])}}
        if is_reference(value)
        else value
        for name, value in block.fields.items()
    }
