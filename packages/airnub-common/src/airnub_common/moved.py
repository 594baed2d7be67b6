"""Deprecated import paths and names: imports of them succeed for one release, with a DeprecationWarning.

A package declares what moved in its own module `moved`, and installs it in its `__init__`. `airnub template update`
rewrites the imports of departments by the same tables.
"""

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class MovedNames:
    """Moved modules and renamed names of one package.

    Example, in `orders/moved.py`, with `MOVED.install()` in `orders/__init__.py`, and `MOVED.renamed` in `__getattr__`
    of the module `orders.invoices`:

        MOVED = MovedNames({"orders.bills": "orders.invoices"}, {("orders.invoices", "Bill"): "Invoice"})
    """

    modules: Mapping[str, str]
    """New module by former module."""
    names: Mapping[tuple[str, str], str]
    """New name by new module and former name."""
    elsewhere: Mapping[str, Callable[[str, str], tuple[str, Any]]] = field(default_factory=dict)
    """Former modules whose names are now in a package that this one does not depend on. The function takes the former
    module and the name, and returns the new module and the value."""
    homes: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """New module of a name that moved alone, by former module and name."""

    def install(self) -> None:
        """Register a finder for moved modules. It is the last one, so it never shadows an existing module."""
        sys.meta_path.append(_Finder(self))

    def renamed(self, module: str, name: str) -> Any:
        """Return the value of a former name of a module; called by the module's `__getattr__`.

        Raises:
            AttributeError: the module never had this name.
        """
        home = self.homes.get((module, name))
        if home is not None:
            warnings.warn(f"{module}.{name} has moved: import it from {home}", DeprecationWarning, stacklevel=3)
            return getattr(importlib.import_module(home), name)
        new = self.names.get((module, name))
        if new is None:
            raise _unknown(module, name)
        warnings.warn(f"{module}.{name} is called {module}.{new} now", DeprecationWarning, stacklevel=3)
        return getattr(importlib.import_module(module), new)

    def find(self, module: str, name: str) -> Any:
        """Return the value of a name in a moved module.

        Raises:
            AttributeError: the module never had this name.
            ImportError: the package that contains it now is not installed.
        """
        if name.startswith("__"):  # looked up in every module by the import system
            raise _unknown(module, name)
        if module in self.elsewhere:
            home, found = self.elsewhere[module](module, name)
            new = name
        else:
            home = self.homes.get((module, name), self.modules[module])
            new = self.names.get((home, name), name)
            found = getattr(importlib.import_module(home), new)
        called = "" if new == name else f", where it is called {new}"
        warnings.warn(f"{module}.{name} has moved: import it from {home}{called}", DeprecationWarning, stacklevel=2)
        return found


def _unknown(module: str, name: str) -> AttributeError:
    return AttributeError(f"module {module!r} has no attribute {name!r}", name=name)


class _Finder(MetaPathFinder):
    def __init__(self, moved: MovedNames) -> None:
        self._moved = moved

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if fullname not in self._moved.modules and fullname not in self._moved.elsewhere:
            return None
        is_package = any(one.startswith(f"{fullname}.") for one in self._moved.modules)
        return ModuleSpec(fullname, _Loader(self._moved), is_package=is_package)


class _Loader(Loader):
    def __init__(self, moved: MovedNames) -> None:
        self._moved = moved

    def exec_module(self, module: ModuleType) -> None:
        module.__getattr__ = partial(self._moved.find, module.__name__)  # type: ignore[method-assign]
