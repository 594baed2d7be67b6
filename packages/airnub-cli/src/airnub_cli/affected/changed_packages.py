"""Packages of the lock that are not what they were, and in what."""

from collections.abc import Iterator
from dataclasses import dataclass

from airnub_cli.lock import Lock, Node, Package


@dataclass(frozen=True, slots=True)
class PackageDifference:
    """A package, or an extra or a group of it, that is not what it was."""

    node: Node
    what: str
    """For people: `polars 2.1 → 2.2`."""


def differences(before: Lock, after: Lock) -> Iterator[PackageDifference]:
    """What a lock says otherwise, as far as somebody installs other things by it.

    What is new or gone is told of those who need it now or no longer: nobody gets it otherwise.

    Args:
        before: as it was.
        after: as it is.

    Yields:
        One for each package, extra or group that both have.
    """
    names = sorted({one.name for one in after.packages})
    counterparts = [pair for name in names for pair in _pairs(before, after, name)]
    identities = {new.node(): old.node() for new, old in counterparts}
    for new, old in counterparts:
        if (what := _itself(old, new)) is not None:
            yield PackageDifference(new.node(), what)
        for part in sorted({"", *old.parts, *new.parts}):
            # Where the package is another one already, all that needs it is told so.
            if (part or what is None) and (said := _needs(before, old, after, new, part, identities)) is not None:
                yield PackageDifference(new.node(part), f"{new.name}{part} {said}")


def _pairs(before: Lock, after: Lock, name: str) -> Iterator[tuple[Package, Package]]:
    """Packages of that name, each with what it was: the same version, else the one that went when it came."""
    old, new = list(before.named(name)), list(after.named(name))
    for same in (lambda one: (one.version, one.source), lambda one: one.version):
        for one in list(new):
            was = next((other for other in old if same(other) == same(one)), None)
            if was is not None:
                yield one, was
                old.remove(was)
                new.remove(one)
    if len(old) == len(new):
        yield from zip(new, old, strict=True)


def _itself(old: Package, new: Package) -> str | None:
    if new.folder is not None:
        return f"{new.name} moved to {new.folder}" if old.folder != new.folder else None
    if old.version != new.version:
        return f"{new.name} {old.version} → {new.version}"
    if old.origin != new.origin:
        return f"{new.name} {new.version} from elsewhere"
    if sorted(old.hashes) != sorted(new.hashes):
        return f"{new.name} {new.version}, other files"
    return None


def _needs(
    before: Lock, old: Package, after: Lock, new: Package, part: str, identities: dict[Node, Node]
) -> str | None:
    was = {(edge.target, edge.marker) for edge in before.edges(old, part)}
    now = {(_was(edge.target, identities), edge.marker) for edge in after.edges(new, part)}
    came, went = _names(now - was), _names(was - now)
    said = [
        f"{verb} {', '.join(sorted(names))}"
        for verb, names in (
            ("now needs", came - went), ("no longer needs", went - came), ("otherwise needs", came & went),
        )
        if names
    ]  # fmt: skip
    return "; ".join(said) or None


def _was(node: Node, identities: dict[Node, Node]) -> Node:
    return identities.get(node._replace(part=""), node)._replace(part=node.part)


def _names(edges: set[tuple[Node, str]]) -> set[str]:
    return {f"{node.name}{node.part}" for node, _ in edges}
