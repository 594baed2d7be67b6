"""Who reads what a changed contract publishes."""

import pytest

PATH = "departments/alpha/contracts/rain.v1.yaml"
READS = "reads: [{contract: alpha/rain, version: 1, fields: {place: string}}]\n"


@pytest.fixture
def reading(checkout):
    """A checkout in which beta reads what alpha publishes, both on `main`."""
    checkout.write(PATH, "kind: dataset\n")
    checkout.write("departments/beta/reads.yaml", READS)
    checkout.write("departments/_template/reads.yaml", READS.replace("alpha/rain", "alpha/snow"))
    checkout.commit()
    checkout.git("branch", "--force", "main")
    return checkout


def test_a_change_concerns_the_tests_of_both(reading):
    """The contract is in no image; the chain goes through whoever publishes."""
    reading.write(PATH)
    assert reading.told() == {"alpha": "tests", "beta": "tests"}
    assert reading.reasons("beta") == [f"{PATH} → alpha → beta"]


def test_a_contract_that_is_gone_concerns_who_read_it(reading):
    """Until its file says otherwise."""
    (reading.root / PATH).unlink()
    assert reading.told() == {"alpha": "tests", "beta": "tests"}


def test_another_version_is_nothing_to_who_reads_the_first(reading):
    """Nor is another name."""
    reading.write(PATH.replace("v1", "v2"))
    reading.write(PATH.replace("rain", "fog"))
    assert reading.told() == {"alpha": "tests"}


def test_what_is_read_concerns_the_reader_alone(reading):
    """As any file of its folder."""
    reading.write("departments/beta/reads.yaml", READS.replace("place", "day"))
    assert reading.told() == {"beta": "tests"}
