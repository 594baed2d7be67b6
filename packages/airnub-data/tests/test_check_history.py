from dataclasses import replace

from airnub_data import make_dataset
from airnub_data.check_history import check_history
from airnub_data.checks import row_count
from airnub_data.versions import release, rollback, vacuum

HEADER = b"id,price,at\n"


def test_the_last_versions_with_their_checks(fill, store, location, orders):
    """Versions are listed oldest first, without those of a vacuum or rollback; undeclared checks have no result."""
    assert check_history(location, "orders", 5) == []
    fill({"a": HEADER + b"1,9,\n"})
    make_dataset(orders, store, location)
    checked = replace(orders, checks=(row_count(minimum=3, on_fail="warn"),))
    fill({"b": HEADER + b"2,9,\n"})
    make_dataset(checked, store, location)
    fill({"c": HEADER + b"3,9,\n"})
    make_dataset(checked, store, location)
    rollback(location, "orders", 0)
    vacuum(location, "orders")
    release(location, "orders")
    found = check_history(location, "orders", 5)
    assert [(one.version, one.rows, [check.passed for check in one.checks]) for one in found] == [
        (0, 1, []),
        (1, 2, [False]),
        (2, 3, [True]),
    ]
    assert [one.checks[0].value for one in found[1:]] == [2, 3]
    assert [one.version for one in check_history(location, "orders", 2)] == [1, 2]
