"""The `store` commands and their options; `store_objects` and `store_urls` do the work."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from airnub_prefect.command.options import JSON, store_options
from airnub_prefect.department import Department
from airnub_prefect.exit_codes import exit_with


def store_group(department: Department) -> click.Group:
    """The click group of `store`."""
    name = department.command

    @click.group("store", help="Inspect and maintain the content store.", epilog=f"Example: uv run {name} store ls")
    def store() -> None: ...

    def at(
        where: Mapping[str, Path | None], module: str, work: Callable[[Any, Any], int], *, with_index: bool = False
    ) -> NoReturn:
        def run() -> int:
            from airnub_prefect.command.locations import find_store

            place = find_store(department, where["store"], where["config"], with_index=with_index)
            return work(import_module(f"airnub_prefect.command.{module}"), place)

        exit_with(run)

    @store.command("ls", epilog=f"Example: uv run {name} store ls --source weather")
    @click.option("--source", metavar="NAME", help="List only this source.")
    @JSON
    @store_options
    def ls(source: str | None, as_json: bool, **where: Path | None) -> None:
        """List all objects with source, size, digest, time and URL."""
        at(where, "store_objects", lambda objects, place: objects.ls(place, source, as_json=as_json))

    @store.command("show", epilog=f"Example: uv run {name} store show 3f9a27c1")
    @click.argument("what")
    @JSON
    @store_options
    def show(what: str, as_json: bool, **where: Path | None) -> None:
        """Show the manifests of an object.

        WHAT is its digest or the first digits of it, its URL, its path or its file name.
        """
        at(where, "store_objects", lambda objects, place: objects.show(place, what, as_json=as_json))

    @store.command("log", epilog=f"Example: uv run {name} store log https://example.org/weather.csv")
    @click.argument("url")
    @click.option("--source", metavar="NAME", help="Show only this source.")
    @JSON
    @store_options
    def log(url: str, source: str | None, as_json: bool, **where: Path | None) -> None:
        """List the versions of a URL, oldest first.

        Each has its time, digest, size and path.
        """
        at(where, "store_urls", lambda urls, place: urls.log(place, url, source, as_json=as_json), with_index=True)

    @store.command("forget", epilog=f"Example: uv run {name} store forget https://example.org/weather.csv")
    @click.argument("url")
    @click.option("--source", metavar="NAME", help="Source of the URL, if several sources have it.")
    @JSON
    @store_options
    def forget(url: str, source: str | None, as_json: bool, **where: Path | None) -> None:
        """Withdraw a URL, so that its rows leave the datasets.

        Its objects and versions stay. A run that fetches the URL again restores it.
        """
        at(where, "store_urls", lambda urls, place: urls.forget(place, url, source, as_json=as_json), with_index=True)

    @store.command("verify", epilog=f"Example: uv run {name} store verify")
    @JSON
    @store_options
    def verify(as_json: bool, **where: Path | None) -> None:
        """Hash every object again, and report damage.

        The exit status is 1 if there is any.
        """
        at(where, "store_objects", lambda objects, place: objects.verify(place, as_json=as_json))

    @store.command("gc", epilog=f"Example: uv run {name} store gc --dry-run")
    @click.option("--dry-run", is_flag=True, help="List the garbage, and remove nothing.")
    @JSON
    @store_options
    def gc(dry_run: bool, as_json: bool, **where: Path | None) -> None:
        """Collect garbage, such as objects without a manifest.

        Staging folders and other leftovers of killed processes are removed, too. Files that a process is writing are
        kept.
        """
        at(
            where,
            "store_objects",
            lambda objects, place: objects.gc(place, dry_run=dry_run, as_json=as_json),
            with_index=True,
        )

    @store.command("partials", epilog=f"Example: uv run {name} store partials --remove")
    @click.option("--remove", is_flag=True, help="Delete the partial files; the next run starts their downloads again.")
    @JSON
    @store_options
    def partials(remove: bool, as_json: bool, **where: Path | None) -> None:
        """List partial downloads, which the next run resumes."""
        at(where, "store_objects", lambda objects, place: objects.partials(place, remove=remove, as_json=as_json))

    @store.command("failed", epilog=f"Example: uv run {name} store failed")
    @click.option(
        "--forget",
        multiple=True,
        metavar="NAME",
        help="Count this source, or this dataset (DEPARTMENT/NAME), as complete, for example after its removal from "
        "the settings. Repeatable.",
    )
    @JSON
    @store_options
    def failed(as_json: bool, forget: tuple[str, ...], **where: Path | None) -> None:
        """List failures of the last run of each source and dataset.

        `run --failed` retries them.
        """
        at(where, "store_urls", lambda urls, place: urls.failed(place, forget, as_json=as_json), with_index=True)

    @store.command("reindex", epilog=f"Example: uv run {name} store reindex")
    @store_options
    def reindex(**where: Path | None) -> None:
        """Rebuild the index from the manifests."""
        at(where, "store_objects", lambda objects, place: objects.reindex(place), with_index=True)

    return store
