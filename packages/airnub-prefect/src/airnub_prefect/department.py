"""Definition of a department: its name, and import paths of its flows and settings, so that Prefect is not imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    # The embedded server is started before slow imports.
    from collections.abc import Mapping
    from pathlib import Path

    from airnub_core.sample_site import Route, SampleSite
    from airnub_prefect.settings import StageSettings


PIPELINE = "pipeline"
"""Name of the flow of all stages in `run` and `list`."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: its name, and its flow and settings model as `module:name`."""

    name: str
    flow: str
    settings: str

    def load_flow(self) -> Any:
        """The Prefect flow; imports Prefect."""
        return _load(self.flow)

    def load_settings(self) -> type[StageSettings]:
        """The settings model."""
        kind: type[StageSettings] = _load(self.settings)
        return kind

    def makes_datasets(self) -> bool:
        """Whether the stage makes datasets: its settings are `DatasetSettings`."""
        from airnub_prefect.settings import DatasetSettings

        return issubclass(self.load_settings(), DatasetSettings)


class Demo(Protocol):
    """A department's demo: routes of a sample site, and settings that point every stage at it."""

    def routes(self, *, with_failure: bool) -> Mapping[str, Route]:
        """Routes of the sample site; with a failure, at least one link is broken."""
        ...

    def settings(self, site: SampleSite, root: Path) -> Mapping[str, StageSettings]:
        """Parameters of the pipeline; it writes only below `root`."""
        ...


@dataclass(frozen=True, slots=True)
class Department:
    """A department."""

    name: str
    """Name of its folder and of its package."""
    stages: tuple[Stage, ...]
    pipeline: str
    """The flow that runs all stages, as `module:name`."""
    demo: str | None = None
    """An object like `Demo`, as `module:name`; without one there are no commands `demo` and `site`."""
    undeployed: tuple[str, ...] = ()
    """Flows that are started by hand, as `module:name`; all others need a deployment, or are a subflow of a stage."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Descriptions of the flows, by stage and `pipeline`, so that `list` need not import Prefect. A flow without one is
    imported; `airnub check` compares them with the flows.
    """

    @property
    def command(self) -> str:
        """Name of the department's command."""
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
            ValueError: the department has no demo.
        """
        if self.demo is None:
            raise ValueError(f"expected a demo of {self.name}, found none; name one in its department.py")
        demo: Demo = _load(self.demo)
        return demo


def _load(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)
