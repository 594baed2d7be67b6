"""Moved modules and renamed names of a package that each test writes."""

import subprocess
import sys

import pytest

from airnub_common.moved import MovedNames

_MOVED = """
from airnub_common.moved import MovedNames

def elsewhere(module, name):
    import fractions
    return "fractions", getattr(fractions, name)

MOVED = MovedNames(
    {"orders.bills": "orders.invoices", "orders.old": "orders.new", "orders.old.bills": "orders.invoices"},
    {("orders.invoices", "Bill"): "Invoice"},
    {"orders.numbers": elsewhere},
)
"""


@pytest.fixture
def orders(tmp_path):
    """Run a statement in a separate process after writing the package `orders`, and return its stdout and stderr."""
    package = tmp_path / "orders"
    (package / "new").mkdir(parents=True)
    (package / "moved.py").write_text(_MOVED)
    (package / "__init__.py").write_text("from orders.moved import MOVED\nMOVED.install()\n")
    (package / "new" / "__init__.py").write_text("VALUE = 1\n")
    (package / "invoices.py").write_text(
        "from orders.moved import MOVED\nclass Invoice: ...\n"
        "def __getattr__(name): return MOVED.renamed(__name__, name)\n"
    )

    def run(statement):
        done = subprocess.run(
            [sys.executable, "-W", "always", "-c", statement], capture_output=True, text=True, cwd=tmp_path, check=False
        )
        return done.stdout.strip(), done.stderr

    return run


@pytest.mark.parametrize(
    "statement",
    [
        "from orders.bills import Invoice as found",
        "import orders.bills; found = orders.bills.Invoice",
        "from orders import bills; found = bills.Invoice",
        "from orders.old.bills import Invoice as found",
    ],
)
def test_every_way_to_import_a_moved_module(orders, statement):
    """Every form of import finds the name in the new module, with a warning that names it."""
    out, warned = orders(f"{statement}; print(found.__module__)")
    assert out == "orders.invoices"
    assert "DeprecationWarning: orders." in warned
    assert "Invoice has moved: import it from orders.invoices" in warned


def test_a_renamed_class(orders):
    """A former name is found in its module and in the moved one; the warnings contain line and new name."""
    out, warned = orders("from orders.invoices import Bill\nfrom orders.bills import Bill as B\nprint(Bill is B)")
    assert out == "True"
    assert "<string>:1: DeprecationWarning: orders.invoices.Bill is called orders.invoices.Invoice now" in warned
    assert "orders.bills.Bill has moved: import it from orders.invoices, where it is called Invoice" in warned


def test_a_name_in_a_different_package(orders):
    """The package's own function finds the name."""
    out, warned = orders("from orders.numbers import Fraction; print(Fraction(1, 2))")
    assert out == "1/2"
    assert "orders.numbers.Fraction has moved: import it from fractions" in warned


def test_present_names_give_no_warning(orders):
    """Current modules and names are imported without a warning."""
    assert orders("from orders.invoices import Invoice\nfrom orders.new import VALUE\nprint(VALUE)") == ("1", "")


def test_a_module_that_never_was(orders):
    """An unknown module raises Python's own error."""
    assert "ModuleNotFoundError: No module named 'orders.nothing'" in orders("import orders.nothing")[1]


def test_a_name_that_never_was():
    """An unknown name raises Python's own message."""
    moved = MovedNames({"orders.bills": "fractions"}, {})
    with pytest.raises(AttributeError, match="module 'fractions' has no attribute 'x'"):
        moved.renamed("fractions", "x")
    with pytest.raises(AttributeError, match="module 'fractions' has no attribute 'x'"):
        moved.find("orders.bills", "x")


def test_names_of_the_import_system_are_not_looked_up(recwarn):
    """Dunder names such as `__path__` cause neither a warning nor an import of the new module."""
    moved = MovedNames({"orders.bills": "orders.nothing"}, {})
    with pytest.raises(AttributeError, match=r"module 'orders\.bills' has no attribute '__path__'"):
        moved.find("orders.bills", "__path__")
    assert not recwarn
