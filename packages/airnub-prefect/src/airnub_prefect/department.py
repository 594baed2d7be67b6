"""The definition of a department: its name, and its parts by import path, so that Prefect is not imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # The embedded server is started before anything that takes long is imported.
    from collections.abc import Mapping
    from pathlib import Path

    from airnub_core.sample_site import Route, SampleSite
    from airnub_prefect.settings import StageSettings


PIPELINE = "pipeline"
"""What `run` and `list` call the flow of all stages."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: what `run` is given, and what it imports for it, as `module:name`."""

    name: str
    flow: str
    settings: str

    def load_flow(self) -> Any:
        """The Prefect flow; imports Prefect."""
        return _load(self.flow)

    def load_settings(self) -> type[StageSettings]:
        """The model of its settings."""
        kind: type[StageSettings] = _load(self.settings)
        return kind

    def makes_datasets(self) -> bool:
        """Whether its settings are those of a processing that makes datasets."""
        from airnub_prefect.settings import DatasetSettings

        return issubclass(self.load_settings(), DatasetSettings)


class Demo(Protocol):
    """What a department's demo needs: a site to serve, and settings that point every stage at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """What the sample site serves; with a failure, its page names a file that it does not have."""
        ...

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """The parameters of the pipeline; everything that it leaves lies below `root`."""
        ...


@dataclass(frozen=True, slots=True)
class Department:
    """A department as its command sees it."""

    name: str
    """Its folder's and its package's."""
    stages: tuple[Stage, ...]
    pipeline: str
    """The flow that runs all stages, as `module:name`."""
    demo: str | None = None
    """An object like `Demo`, as `module:name`; without one there are no commands `demo` and `site`."""
    undeployed: tuple[str, ...] = ()
    """Flows that people start by hand, as `module:name`; every other has a deployment, or is a part of a stage."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Of the flows, by stage and `pipeline`, equal to those of the flows: `list` prints them without Prefect. A flow
    without one is imported for it.
    """

    @property
    def command(self) -> str:
        """What its people type."""
        return self.name.replace("_", "-")

    def flow_name(self, name: str) -> str:
        """The name of the flow of a stage, or of `pipeline`."""
        return self.command if name == PIPELINE else f"{self.command}-{name}"

    def load_pipeline(self) -> Any:
        """The flow of all stages; imports Prefect."""
        return _load(self.pipeline)

    def load_demo(self) -> Demo:
        """The demo.

        Raises:
            ValueError: the department has none.
        """
        if self.demo is None:
            raise ValueError(f"expected a demo of {self.name}, found none; name one in its department.py")
        demo: Demo = _load(self.demo)
        return demo


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
