"""Work pools as their files say them, `infra/work-pools/<pool>.yaml`, and of which type one is in an environment."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from airnub_cli.configuration.entry import Entry
from airnub_cli.configuration.environment import EnvironmentFile, PoolType
from airnub_prefect.errors import ConfigurationError, Diagnostic
from airnub_prefect.places import shown
from airnub_prefect.validation import checked
from airnub_prefect.yaml_file import read_yaml

FOLDER = Path("infra", "work-pools")

Name = Annotated[str, Field(min_length=1, pattern=r"^[^/%&><]+$")]
Limit = Annotated[int, Field(ge=0)]


def _not_reserved(name: str) -> str:
    if name.lower().startswith("prefect"):
        raise ValueError("expected a name that does not begin with `prefect`, which keeps those for itself")
    return name


class Queue(BaseModel):
    """A queue of a pool. Every pool has one called `default`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str | None = None
    priority: Annotated[int, Field(ge=1)] | None = None
    """1 is served first; without it, Prefect puts a new queue last."""
    concurrency_limit: Limit | None = None
    """Of a new queue."""


class PoolFile(Entry):
    """What the file of a pool says."""

    name: Annotated[Name, AfterValidator(_not_reserved)]
    type: PoolType
    description: str = ""
    job_variables: dict[str, Any] = {}
    """Defaults of what a deployment may say itself."""
    queues: list[Queue] = []
    concurrency_limit: Limit | None = None
    """Of a new pool."""


def pool_files(root: Path) -> dict[str, Path]:
    """The work pools that are files, by name; a file that begins with `_` is what several have in common."""
    files = sorted((root / FOLDER).glob("*.yaml"))
    return {path.stem: path for path in files if not path.name.startswith("_")}


def read_pool_files(root: Path) -> tuple[dict[str, PoolFile], list[Diagnostic]]:
    """Those without a mistake, by name; and every mistake in the others."""
    pools: dict[str, PoolFile] = {}
    mistakes: list[Diagnostic] = []
    for name, path in pool_files(root).items():
        try:
            file = read_yaml(Path(shown(path)))
        except ConfigurationError as error:
            mistakes += error.mistakes
            continue
        says, wrong = checked(PoolFile, file)
        mistakes += [*file.mistakes, *wrong]
        if says is not None:
            pools[name] = says
    return pools, mistakes


def type_of(pool: PoolFile, environment: EnvironmentFile | None, asked: PoolType | None = None) -> PoolType:
    """Of which type a pool is: as asked for, else as the environment says of all, else as its own file says."""
    return asked or (environment.kind if environment else None) or pool.type
