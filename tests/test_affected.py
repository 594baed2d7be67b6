"""`airnub affected` compared with a build: an image has to be built exactly when its digest changes.

In a generated workspace of ten departments, many random changes at a time; `AIRNUB_CHANGES=1000` for more of the same.
"""

import os
import random
import re
import shutil
from pathlib import Path

import pytest

from airnub_cli.affected import rules
from airnub_cli.affected.graph import Concern
from airnub_cli.affected.rules import affected
from airnub_cli.images.image import Inputs, digest_of, images
from airnub_cli.workspace import Workspace
from benchmarks.workspaces import THIRD_PARTY, commit, git, make

CHANGES = int(os.environ.get("AIRNUB_CHANGES", "5"))
_PACKAGE = re.compile(r'\nname = "([^"]+)"\nversion = "([^"]+)"\nsource = \{ registry')
_FILE = re.compile(r"`([^`\s]*[./][^`\s]*|Dockerfile)`")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Ten departments on four shared packages, in one commit."""
    made = make(tmp_path_factory.mktemp("generated") / "workspace", 10)
    (made.root / "departments" / "team_003" / "Dockerfile").write_text("FROM scratch AS department\n")
    commit(made.root)
    return made


def digests(root):
    """The digest of every image, by name."""
    workspace = Workspace.around(root)
    inputs = Inputs(workspace, {})
    return {name: digest_of(inputs.of(image)) for name, image in images(workspace).items()}


class Changes:
    """Random changes of a workspace; each is a method whose name describes it."""

    def __init__(self, root: Path, dice: random.Random) -> None:
        self.root, self.dice = root, dice

    def one(self) -> str:
        """Make one change, and return its description."""
        names = [name for name in sorted(vars(type(self))) if not name.startswith(("_", "one"))]
        name = self.dice.choice(names)
        getattr(self, name)()
        return name

    def edit_a_source(self):
        self._edit(self._one_of("packages/*/src/**/*.py", "departments/*/src/**/*.py"))

    def edit_a_department(self):
        self._edit(self._one_of("departments/*/src/**/*.py", "departments/*/*.md", "departments/*/*.txt"))

    def edit_a_shared_package(self):
        self._edit(self._one_of("packages/lower-*/src/**/*.py", "packages/upper-*/**/*.*"))

    def edit_what_is_in_no_image(self):
        self._edit(
            self._one_of("departments/*/tests/**/*.py", "departments/*/prefect.yaml", "configs/**/*.yaml", "*.md",
                         "infra/work-pools/*.yaml", "prefect.yaml", "pyproject.toml", "packages/*/tests/**/*.py")
        )  # fmt: skip

    def edit_a_recipe(self):
        self._edit(self._one_of("infra/docker/*", ".dockerignore", "departments/*/Dockerfile"))

    def add_a_dockerfile(self):
        self._edit(self._one_of("departments/*/pyproject.toml").parent / "Dockerfile")

    def add_a_file(self):
        folder = self._one_of("departments/*/pyproject.toml", "packages/*/pyproject.toml").parent
        self._edit(folder / self.dice.choice(["src/data.csv", "src/deep/er.py", "notes.md", "tests/more.py"]))

    def add_what_is_ignored(self):
        folder = self._one_of("departments/*/pyproject.toml").parent / "src" / "__pycache__"
        self._edit(folder / "module.pyc")

    def delete_a_file(self):
        self._one_of("departments/*/src/**/*.*", "packages/upper-*/src/**/*.*", "departments/*/tests/**/*.py").unlink()

    def rename_a_file(self):
        path = self._one_of("departments/*/src/**/*.*", "departments/*/tests/**/*.py")
        path.rename(path.with_name(f"other_{path.name}"))

    def move_a_file_to_another_department(self):
        path = self._one_of("departments/*/src/**/*.py")
        path.rename(self._one_of("departments/*/src/*/settings.py").with_name(f"moved_{path.name}"))

    def make_a_file_executable(self):
        self._one_of("departments/*/src/**/*.py", "departments/*/tests/**/*.py").chmod(0o755)

    def touch_a_file(self):
        os.utime(self._one_of("departments/*/src/**/*.py"), (1, 1))

    def lock_another_version(self):
        text = self._lock()
        name, version = self.dice.choice(_PACKAGE.findall(text))
        self._write_lock(
            text.replace(
                f'name = "{name}"\nversion = "{version}"', f'name = "{name}"\nversion = "{version}.9"'
            ).replace(f'name = "{name}", version = "{version}"', f'name = "{name}", version = "{version}.9"')
        )

    def lock_other_files(self):
        text = self._lock()
        one = self.dice.choice(re.findall(r"sha256:(\w{64})", text))
        self._write_lock(text.replace(one, one[::-1]))

    def lock_a_mirror(self):
        self._write_lock(re.sub(r'registry = "[^"]+"', 'registry = "https://mirror.example/simple"', self._lock()))

    def lock_one_more_dependency(self):
        name = self._one_of("departments/team_*/pyproject.toml", "packages/upper-*/pyproject.toml").parent.name
        head, found, rest = self._lock().partition(f'name = "{name.replace("_", "-")}"\nversion')
        line = f'    {{ name = "{self.dice.choice(THIRD_PARTY)}" }},\n'
        kind = self.dice.choice(["dependencies = [\n", "dev = [\n"])
        self._write_lock(head + found + rest.replace(kind, kind + line, 1))

    def lock_one_dependency_less(self):
        head, found, rest = self._lock().partition(f'name = "team-00{self.dice.randrange(10)}"\nversion')
        self._write_lock(head + found + re.sub(r'    \{ name = "[\w-]+" \},\n', "", rest, count=1))

    def a_new_department(self):
        old, new = self._one_of("departments/team_*/pyproject.toml").parent, f"new_{self.dice.randrange(99)}"
        if (self.root / "departments" / new).exists():
            return
        old_name, new_name = old.name.replace("_", "-"), new.replace("_", "-")
        shutil.copytree(old, old.with_name(new))
        pyproject = old.with_name(new) / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace(f'name = "{old_name}"', f'name = "{new_name}"'))
        head, *blocks = self._lock().split("\n[[package]]\n")
        [block] = [one for one in blocks if one.startswith(f'name = "{old_name}"\n')]
        blocks.append(block.replace(old_name, new_name).replace(f"departments/{old.name}", f"departments/{new}"))
        self._write_lock("\n[[package]]\n".join([head, *sorted(blocks)]))

    def a_department_less(self):
        folder = self._one_of("departments/team_*/pyproject.toml").parent
        shutil.rmtree(folder)
        head, *blocks = self._lock().split("\n[[package]]\n")
        name = folder.name.replace("_", "-")
        self._write_lock("\n[[package]]\n".join([head, *(one for one in blocks if f'"{name}"\n' not in one[:40])]))

    def _edit(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"# {self.dice.random()}\n")

    def _one_of(self, *patterns: str) -> Path:
        found = {path for pattern in patterns for path in self.root.glob(pattern)}
        return self.dice.choice(sorted(path for path in found if path.is_file() and "__pycache__" not in path.parts))

    def _lock(self) -> str:
        return (self.root / "uv.lock").read_text()

    def _write_lock(self, text: str) -> None:
        (self.root / "uv.lock").write_text(text)


@pytest.fixture(scope="module")
def before(made):
    """Digests in the committed state."""
    return digests(made.root)


@pytest.fixture
def put_back(made):
    """Restore the committed state afterwards."""
    yield
    git(made.root, "checkout", "--quiet", "--force", "main")
    git(made.root, "clean", "-dffxq")


@pytest.mark.usefixtures("put_back")
@pytest.mark.parametrize("seed", range(CHANGES))
def test_images_to_build_are_those_whose_digest_changed(made, before, seed):
    """One to four changes at a time, some of them committed."""
    dice = random.Random(seed)
    changes = Changes(made.root, dice)
    git(made.root, "checkout", "--quiet", "--detach")
    said = [changes.one() for _ in range(dice.choice((1, 1, 1, 2, 4)))]
    if dice.random() < 0.5:
        commit(made.root, "Half of it")
        said += [changes.one() for _ in range(dice.choice((0, 0, 1)))]
    after = digests(made.root)
    truth = {name for name, digest in after.items() if before.get(name) != digest}
    found = affected(made.root, "main").found
    images = {one.target.name.replace("_", "-") for one in found if Concern.IMAGE in one.concerns}
    assert images == truth, said
    assert all(reason.endswith(f" → {one.target.name}") for one in found for reason in one.reasons)


@pytest.mark.example
@pytest.mark.usefixtures("put_back")
def test_one_version_of_one_department(made):
    """A package that only one department uses, and one that all use indirectly."""
    root, text = made.root, (made.root / "uv.lock").read_text()
    assert '[[package]]\nname = "joblib"\n' in text
    users = [folder.rpartition("/")[2] for folder, needs in made.departments.items() if "joblib" in needs]
    version = re.search(r'name = "joblib"\nversion = "([^"]+)"', text)[1]
    (root / "uv.lock").write_text(text.replace(f'"joblib"\nversion = "{version}"', '"joblib"\nversion = "99"'))
    found = [one for one in affected(root, "main").found if Concern.IMAGE in one.concerns]
    assert [one.target.name for one in found] == users
    assert [list(one.reasons) for one in found] == [[f"lock: joblib {version} → 99 → {name}"] for name in users]


def test_the_rules_in_the_code_are_those_of_the_page():
    """Both have the same files; the last row of the page has examples of files that affect nothing."""
    page = (Path(__file__).parents[1] / "docs" / "affected.md").read_text()
    rows = page.partition("| changed file |")[2].partition("\n\n")[0].splitlines()[2:]
    on_page = {name for row in rows[:-1] for name in _FILE.findall(row.split(" | ")[0])}
    assert rows[-1].startswith("| all other files")
    assert {*_FILE.findall(rules.__doc__), *rules.TESTS_OF_ALL} == on_page
