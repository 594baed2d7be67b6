"""Dataset inputs: published datasets that a declaration has as `inputs`, held against contracts and `reads.yaml`.

Inputs are found where they are written out: `Dataset(inputs=(SALES, "crm/customers"), transform=…)`.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence

from airnub_cli.data_contracts.publications import Publications
from airnub_cli.workspace import Workspace
from airnub_core.contracts.contract import FOLDER
from airnub_prefect.errors import Diagnostic
from airnub_prefect.validation import nearest_or_all


def check_dataset_inputs(workspace: Workspace, publications: Publications) -> Iterator[Diagnostic]:
    """A mistake for each input without a contract, or that the department does not say it reads.

    Args:
        workspace: the checkout.
        publications: of it.
    """
    published = ["/".join(one) for one in publications.versions]
    for member in workspace.members.values():
        reader = member.folder.name
        for path in sorted((member.folder / "src").rglob("*.py")) if member.kind == "department" else ():
            where = path.relative_to(workspace.root).as_posix()
            for line, given in _inputs(path.read_text(encoding="utf-8", errors="replace")):
                name, _, number = given.partition(".v")
                department, _, dataset = name.partition("/")
                versions = publications.of(department, dataset)
                if not versions or (number and int(number) not in versions):
                    what = f"expected a contract of the input {given} in departments/{department}/{FOLDER}, found none"
                    yield Diagnostic(where, line, f"{what}; {nearest_or_all(name, published)}")
                    continue
                version = versions[int(number) if number else min(versions)]
                if reader not in {use.reader for use in version.uses}:
                    what = f"expected {name} version {version.number} in departments/{reader}/reads.yaml"
                    yield Diagnostic(
                        where, line, f"{what}, for it is an input here, found none; name the fields it needs"
                    )


def check_cycles(publications: Publications) -> Iterator[Diagnostic]:
    """A mistake for each published dataset that is made of itself by way of those of other departments.

    Each new version would start the run that makes the next one, without an end.

    Args:
        publications: with what their code makes.
    """
    versions = {
        (department, name, number): version
        for (department, name), numbered in publications.versions.items()
        for number, version in numbered.items()
    }
    made_of = {
        node: [_node(publications, given) for given in version.made.made_of]
        for node, version in versions.items()
        if version.made is not None
    }
    for node in made_of:
        if way := _way(made_of, node):
            shown = " of ".join(f"{department}/{name} v{number}" for department, name, number in way)
            message = f"expected a dataset that is not made of itself, found {shown}: each version would start the next"
            yield versions[node].file.mistake(("code",), f"{message}; take one of the inputs out")


_Node = tuple[str, str, int]


def _node(publications: Publications, given: str) -> _Node:
    """The version that an input means: without a number, the lowest one."""
    name, _, number = given.partition(".v")
    department, _, dataset = name.partition("/")
    return department, dataset, int(number) if number else min(publications.of(department, dataset), default=1)


def _way(made_of: Mapping[_Node, Sequence[_Node]], node: _Node) -> list[_Node]:
    """The shortest way from a dataset by its inputs to itself; empty where there is none."""
    ways = [[node]]
    seen = {node}
    for way in ways:  # it grows
        for following in made_of.get(way[-1], ()):
            if following == node:
                return [*way, node]
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _inputs(source: str) -> Iterator[tuple[int, str]]:
    """The names in `inputs` of declarations, with their lines."""
    if "inputs" not in source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # what cannot be imported is a mistake of its own
    for node in ast.walk(tree):
        given = {one.arg: one.value for one in node.keywords} if isinstance(node, ast.Call) else {}
        inputs = given.get("inputs")
        if "transform" in given and isinstance(inputs, ast.Tuple | ast.List):
            for one in inputs.elts:
                match one:
                    case ast.Constant(value=str(text)) if _is_published(text):
                        yield one.lineno, text


def _is_published(text: str) -> bool:
    """Whether it has the form of a published dataset's name; a different one is an error of the declaration."""
    name, _, number = text.partition(".v")
    return name.count("/") == 1 and (not number or number.isdecimal())
