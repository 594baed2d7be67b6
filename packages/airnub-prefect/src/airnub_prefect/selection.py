"""Selection of sources for one run: the parameters `sources` and `failed` of flows, and the options of `run`.

`SourceSettings.only` applies it to an ingestion, `make_datasets` to a processing; both reject unknown names.
"""

import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from airnub_prefect.errors import ConfigurationError, UnknownNameError
from airnub_prefect.validation import nearest_or_all


def check_names(what: str, names: Collection[str], known: Collection[str]) -> None:
    """Check that all given names are known.

    Args:
        what: what they name, such as `source`, for the error message.
        names: names given to a run.
        known: the valid names.

    Raises:
        UnknownNameError: a name is unknown; nothing was run.
    """
    for name in names:
        if name not in known:
            raise UnknownNameError.of(what, f"unknown {what} {name!r}; {nearest_or_all(name, known)}")


@dataclass(frozen=True, slots=True)
class Selection:
    """The sources and items of a stage to run."""

    sources: Sequence[str] = ()
    """Run only these sources, or datasets of them; all if empty."""
    failed: bool = False
    """Of these, run only what failed in the last run."""

    def parameters(self) -> dict[str, Any]:
        """The selection as parameters of a flow; defaults are left out."""
        given: dict[str, Any] = {"sources": list(self.sources)} if self.sources else {}
        return given | ({"failed": True} if self.failed else {})

    def taken_by(self, what: str, load: Callable[[], Any]) -> Callable[[], Any]:
        """A `load` that fails if its flow lacks the parameters of the selection, and would run more than selected.

        Raises:
            ConfigurationError: raised by the returned function; nothing was run.
        """

        def checked() -> Any:
            flow = load()
            if lacking := [name for name in self.parameters() if name not in inspect.signature(flow.fn).parameters]:
                options = " and ".join({"sources": "--source", "failed": "--failed"}[name] for name in lacking)
                raise ConfigurationError.of(
                    what,
                    f"{options}: expected a flow with the parameter {' and '.join(lacking)}, found none; flows of the "
                    "template have it: run `airnub template update`",
                )
            return flow

        return checked


ALL = Selection()
