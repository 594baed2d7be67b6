"""Published datasets that declarations have as inputs."""

from airnub_cli.data_contracts.dataset_inputs import check_cycles, check_dataset_inputs
from airnub_cli.data_contracts.publications import read_publications
from airnub_cli.data_contracts.published_code import with_code

SOURCE = "departments/beta_dept/src/beta_dept/datasets.py"


def mistakes(house, *inputs):
    """What is reported of a declaration with these inputs, without its place."""
    lines = "".join(f"        {one},\n" for one in inputs)
    house.write(SOURCE, f"TOTAL = Dataset(\n    inputs=(\n{lines}    ),\n    transform=total,\n)\n")
    publications = read_publications(house.workspace)
    return house.told(check_dataset_inputs(house.workspace, publications))


def test_an_input_that_the_department_says_it_reads(publishing):
    """Is as it should be, with and without its version, beside one of the department's own."""
    assert mistakes(publishing, "SALES", '"alpha_dept/rain"', '"alpha_dept/rain.v1"') == []


def test_an_input_without_a_contract(publishing):
    """The line of the input, and the nearest name or those there are."""
    first, second = mistakes(publishing, '"alpha_dept/rian"', '"alpha_dept/rain.v3"')
    expected = (
        "expected a contract of the input alpha_dept/rian in departments/alpha_dept/contracts, found none; did you"
    )
    assert first.startswith(f"{SOURCE}:3: {expected}")
    assert second.startswith(f"{SOURCE}:4: expected a contract of the input alpha_dept/rain.v3 in ")


def test_an_input_that_is_not_among_the_reads(publishing):
    """A change of the contract would break it unseen."""
    (publishing.root / "departments" / "beta_dept" / "reads.yaml").unlink()
    [mistake] = mistakes(publishing, '"alpha_dept/rain"')
    assert mistake.startswith(
        f"{SOURCE}:3: expected alpha_dept/rain version 1 in departments/beta_dept/reads.yaml, for it is an input here"
    )


def test_texts_that_are_no_inputs(publishing):
    """Calls without a transform, and sources that cannot be parsed, are left alone."""
    publishing.write(SOURCE, 'run(inputs=("alpha_dept/snow",))\n')
    publications = read_publications(publishing.workspace)
    assert list(check_dataset_inputs(publishing.workspace, publications)) == []
    publishing.write(SOURCE, 'Dataset(inputs=("alpha_dept/snow",\n')
    assert list(check_dataset_inputs(publishing.workspace, publications)) == []


def made_of(house, department, name, *inputs):
    """Have a department publish a dataset that is made of these."""
    house.write(
        f"departments/{department}/contracts/{name}.v1.yaml",
        f"kind: dataset\ndescription: A dataset.\ncode: {department}.{name}:MADE\nfields: {{a: string}}\n",
    )
    house.write(
        f"departments/{department}/src/{department}/{name}.py",
        "from airnub_core.contracts.schema import ContractSchema\n\n\nclass Made:\n    def published(self):\n"
        f'        return ContractSchema("dataset", "{name}", 1, {{"a": ("string", False)}}, made_of={inputs!r})\n\n\n'
        "MADE = Made()\n",
    )


def test_datasets_of_two_departments_that_are_made_of_each_other(house):
    """Each is named with the way around; one that only reads them is as it should be."""
    made_of(house, "alpha_dept", "wet", "beta_dept/dry.v1")
    made_of(house, "beta_dept", "dry", "alpha_dept/wet")
    made_of(house, "beta_dept", "both", "alpha_dept/wet", "beta_dept/dry")
    publications, wrong = with_code(read_publications(house.workspace))
    assert not wrong
    assert house.told(check_cycles(publications)) == [
        f"departments/{one}: expected a dataset that is not made of itself, found {way}: each version would start the "
        "next; take one of the inputs out"
        for one, way in (
            ("alpha_dept/contracts/wet.v1.yaml:3", "alpha_dept/wet v1 of beta_dept/dry v1 of alpha_dept/wet v1"),
            ("beta_dept/contracts/dry.v1.yaml:3", "beta_dept/dry v1 of alpha_dept/wet v1 of beta_dept/dry v1"),
        )
    ]
