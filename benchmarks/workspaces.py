"""Generate workspaces of any size for benchmarks and tests: a copy of this one with more departments.

    uv run --all-packages python -m benchmarks.workspaces /tmp/hundred 100

Departments are copies of the current template. They depend on shared packages in two tiers, and some on third-party
packages that this workspace's lock already has, so that the lock needs no network: it is written in uv's format.
"""

import argparse
import random
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airnub_cli.configuration.registry import Names
from airnub_cli.new.template_copy import DepartmentSpec, department_files
from airnub_cli.template.history import TemplateOrigin, origin_path, tree_here

ROOT = Path(__file__).parents[1]
COPIED = (
    "pyproject.toml", "uv.lock", "README.md", "prefect.yaml", "docker-compose.yml", ".gitignore", ".dockerignore",
    "configs", "infra", "packages", "departments",
)  # fmt: skip
# Third-party packages that the lock has in one version, so that departments cannot disagree on it.
THIRD_PARTY = ("click", "httpx", "jinja2", "joblib", "matplotlib", "orjson", "python-dateutil", "requests", "rich")
_BASE = (
    ("airnub-core", (), ""),
    ("airnub-data", (), ""),
    ("airnub-prefect", (), ""),
    ("airnub-prefect", ("datasets",), ""),
    ("polars", (), ">=2.1"),
    ("prefect", (), ">=3.9.1,<3.10"),
)
_TESTS = ("pytest", "pytest-cov", "pytest-randomly", "pytest-xdist")


@dataclass(frozen=True, slots=True)
class Made:
    """Generated parts of a workspace: folders relative to its root, and the dependencies of each."""

    root: Path
    departments: dict[str, list[str]]
    upper: dict[str, list[str]]
    """Shared packages that departments depend on, one per ten departments."""
    lower: dict[str, list[str]]
    """Shared packages that those packages depend on, one per three of them."""


def make(root: Path, departments: int, *, seed: int = 0, tests: bool = True) -> Made:
    """Write a workspace.

    Args:
        root: a folder that does not exist yet.
        departments: their number, without the example and the template.
        seed: the same one makes the same workspace.
        tests: whether members have their tests.

    Returns:
        Its generated parts.
    """
    left_out = shutil.ignore_patterns("__pycache__", ".*_cache", *(() if tests else ("tests",)))
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, root / name, ignore=left_out)
        else:
            root.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    made = _drawn(root, departments, random.Random(seed))
    for folder, needs in (made.lower | made.upper).items():
        _shared_package(root / folder, needs)
    git(root, "init", "--quiet", "--initial-branch=main")
    tree = tree_here(root)
    for folder, needs in made.departments.items():
        _department(root, folder, needs, tree, tests=tests)
    _register(root, made)
    return made


def commit(root: Path, message: str = "All of it") -> None:
    """Commit everything in one commit."""
    git(root, "add", "--all")
    git(
        root,
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "commit",
        "--quiet",
        "--allow-empty",
        "--message",
        message,
    )


def git(root: Path, *arguments: str) -> str:
    """The output of a git command."""
    return subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def _drawn(root: Path, number: int, dice: random.Random) -> Made:
    upper_number = max(2, number // 10)
    lower = {f"packages/lower-{at:02}": ["airnub-common"] for at in range(max(2, upper_number // 3))}
    lower_names = [folder.rpartition("/")[2] for folder in lower]
    upper = {
        f"packages/upper-{at:02}": ["airnub-core", *dice.sample(lower_names, dice.choice((1, 2)))]
        for at in range(upper_number)
    }
    upper_names = [folder.rpartition("/")[2] for folder in upper]
    return Made(
        root,
        {
            f"departments/team_{at:03}": [
                *dice.sample(upper_names, dice.choice((1, 1, 2))),
                *dice.sample(THIRD_PARTY, dice.choice((0, 0, 1, 2))),
            ]
            for at in range(number)
        },
        upper,
        lower,
    )


def _shared_package(folder: Path, needs: Iterable[str]) -> None:
    name = folder.name
    module = folder / "src" / name.replace("-", "_")
    module.mkdir(parents=True)
    (module / "__init__.py").write_text(f'"""What {name} provides."""\n\nANSWER = 42\n')
    (module / "py.typed").write_text("")
    readme = (
        f"# {name}\n\nA number that several departments of this generated workspace depend on. All of them "
        "import the same package, so that a change of it affects each of them.\n\n"
        f"```python\nfrom {module.name} import ANSWER\n```\n\nIts test checks the number.\n"
    )
    (folder / "README.md").write_text(readme)
    (folder / "tests").mkdir()
    test = f"from {module.name} import ANSWER\n\n\ndef test_the_answer():\n    assert ANSWER == 42\n"
    (folder / "tests" / f"test_{module.name}.py").write_text(test)
    sources = "".join(f"{need} = {{ workspace = true }}\n" for need in sorted(needs))
    (folder / "pyproject.toml").write_text(
        f'[project]\nname = "{name}"\nversion = "0.1.0"\ndescription = "Shared"\nreadme = "README.md"\n'
        f'requires-python = ">=3.11"\ndependencies = [{", ".join(map(_quoted, sorted(needs)))}]\n\n'
        f'[build-system]\nrequires = ["uv_build>=0.9,<1"]\nbuild-backend = "uv_build"\n\n[tool.uv.sources]\n{sources}'
    )


def _department(root: Path, folder: str, needs: Iterable[str], tree: str, *, tests: bool) -> None:
    """Create what `airnub new department` creates, and the dependencies of the department."""
    module = folder.rpartition("/")[2]
    wanted = DepartmentSpec(Names(module, _display(module)), owner=f"{module}-owners")
    files = department_files(root, wanted)
    files[origin_path(module)] = TemplateOrigin(tree=tree, display_name=wanted.names.display).text().encode()
    for name, content in files.items():
        if not tests and name.startswith(f"{folder}/tests/"):
            continue
        path = root / name
        if path.name == "prefect.yaml":
            content = content.replace(
                f"department:{module}".encode(), f"department:{module}, owner:{module}-owners".encode()
            )
        if path.name == "pyproject.toml":
            content = _needing(content.decode(), needs).encode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _needing(pyproject: str, needs: Iterable[str]) -> str:
    text = pyproject.replace("dependencies = [\n", f"dependencies = [\n{_lines(needs)}", 1)
    members = "".join(f"{need} = {{ workspace = true }}\n" for need in needs if need not in THIRD_PARTY)
    return text.replace("[tool.uv.sources]\n", f"[tool.uv.sources]\n{members}", 1)


def _display(module: str) -> str:
    return module.replace("_", " ").title()


def _register(root: Path, made: Made) -> None:
    """Register all of them in the registry, the root pyproject.toml and the lock."""
    modules = [folder.rpartition("/")[2] for folder in made.departments]
    packages = [folder.rpartition("/")[2] for folder in made.upper | made.lower]
    registry = root / "configs" / "departments.yaml"
    registry.write_text(
        registry.read_text()
        + "".join(
            f"  - id: {module}\n    display_name: {_display(module)}\n    owner: {module}-owners\n"
            f"    contacts: [{module.replace('_', '-')}@example.org]\n    status: active\n"
            for module in modules
        )
    )
    pyproject = root / "pyproject.toml"
    lines = (_extended(line, modules) for line in pyproject.read_text().splitlines(keepends=True))
    sources = "".join(f"{name} = {{ workspace = true }}\n" for name in packages)
    text = "".join(lines).replace("[tool.uv.sources]\n", f"[tool.uv.sources]\n{sources}", 1)
    shared = "".join(f'    "{_module(name)}",\n' for name in packages)
    text = text.replace("root_packages = [\n", f"root_packages = [\n{shared}", 1)
    upper, lower = (" | ".join(map(_module, one)) for one in (made.upper, made.lower))
    layers = '    "airnub_prefect",\n{}    "airnub_data",\n    "airnub_core",\n{}    "airnub_common",\n]\n'
    text = text.replace(layers.format("", ""), layers.format(f'    "{upper}",\n', f'    "{lower}",\n'), 1)
    pyproject.write_text(text)
    lock = root / "uv.lock"
    lock.write_text(_locked(lock.read_text(), made))


def _extended(line: str, modules: Iterable[str]) -> str:
    """Replace a line that names the template with one for each department."""
    if line.startswith("department-template ="):
        return line + "".join(_renamed(line, module) for module in modules)
    if (place := '"departments/_template/src",') in line:
        return line.replace(place, place + "".join(f'\n    "departments/{module}/src",' for module in modules))
    if line.lstrip().startswith(('"department_template"', "department_template |")):
        return line + "".join(_renamed(line, module) for module in modules)
    return line


def _locked(text: str, made: Made) -> str:
    head, *blocks = text.split("\n[[package]]\n")
    blocks = [block.rstrip("\n") for block in blocks]
    folders = {folder.rpartition("/")[2]: folder for folder in made.upper | made.lower}
    folders |= {name: f"packages/{name}" for name in ("airnub-common", "airnub-core", "airnub-data", "airnub-prefect")}
    for folder, needs in (made.upper | made.lower).items():
        name = folder.rpartition("/")[2]
        blocks.append(_block(name, folder, [(need, (), "") for need in needs], folders, ()))
    for folder, needs in made.departments.items():
        name = folder.rpartition("/")[2].replace("_", "-")
        wanted = [*_BASE, *((need, (), "") for need in needs)]
        blocks.append(_block(name, folder, wanted, folders, _TESTS))
    members = sorted({*re.findall(r'^    "([\w-]+)",$', head, re.MULTILINE), *folders, *map(_name, made.departments)})
    head = re.sub(r"members = \[\n.*?\]", f"members = [\n{_lines(members)}]", head, flags=re.DOTALL)
    # The lock has some names several times, ordered by version; this order is kept.
    blocks.sort(key=lambda block: block.partition("\n")[0])
    return "\n[[package]]\n".join([head, *(f"{block}\n" for block in blocks)])


def _block(
    name: str, folder: str, needs: Iterable[tuple[str, tuple[str, ...], str]], folders: Mapping[str, str],
    tests: Iterable[str],
) -> str:  # fmt: skip
    """The entry of a member in uv.lock."""
    needs, own, required = sorted(needs), "", ""
    for need, extras, specifier in needs:
        listed = f"[{', '.join(map(_quoted, extras))}]"
        if extras or all(other != need or not more for other, more, _ in needs):  # locked once, with extras
            own += f'    {{ name = "{need}"' + (f", extra = {listed}" if extras else "") + " },\n"
        required += f'    {{ name = "{need}"' + (f", extras = {listed}" if extras else "")
        required += f', editable = "{folders[need]}"' if need in folders else ""
        required += (f', specifier = "{specifier}"' if specifier else "") + " },\n"
    if len(needs) == 1:
        required = f"requires-dist = [{required.strip().rstrip(',')}]\n"
    else:
        required = f"requires-dist = [\n{required}]\n"
    text = f'name = "{name}"\nversion = "0.1.0"\nsource = {{ editable = "{folder}" }}\ndependencies = [\n{own}]\n'
    if tests:
        listed = "".join(f'    {{ name = "{test}" }},\n' for test in tests)
        text += f"\n[package.dev-dependencies]\ndev = [\n{listed}]\n"
    text += f"\n[package.metadata]\n{required}"
    if tests:
        listed = listed.replace('"pytest" }', '"pytest", specifier = ">=9" }')
        text += f"\n[package.metadata.requires-dev]\ndev = [\n{listed}]\n"
    return text.rstrip("\n")


def _module(folder: str) -> str:
    return folder.rpartition("/")[2].replace("-", "_")


def _name(folder: str) -> str:
    return folder.rpartition("/")[2].replace("_", "-")


def _renamed(text: str, module: str) -> str:
    return text.replace("department_template", module).replace("department-template", module.replace("_", "-"))


def _lines(names: Iterable[str]) -> str:
    return "".join(f'    "{name}",\n' for name in names)


def _quoted(name: str) -> str:
    return f'"{name}"'


def main() -> None:
    """Make one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="A folder that does not exist yet.")
    parser.add_argument("departments", type=int)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    made = make(options.folder, options.departments, seed=options.seed)
    commit(options.folder)
    print(f"{len(made.departments)} departments, {len(made.upper) + len(made.lower)} shared packages")


if __name__ == "__main__":
    main()
