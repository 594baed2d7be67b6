"""The rules of a change: what each file affects, and why."""

import pytest

from airnub_cli.affected.rules import affected
from airnub_cli.workspace import WorkspaceError

ALL = "image tests deployment"
EVERYBODY = {
    "_template": "tests", "alpha": ALL, "beta": ALL, "airnub-core": "tests", "airnub-prefect": "tests",
    "prefect": "image",
}  # fmt: skip


def test_nothing(checkout):
    """Without a change there are no targets."""
    answer = checkout.answer()
    assert answer.found == ()
    assert answer.base == checkout.git("rev-parse", "main")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("departments/alpha/src/alpha/__init__.py", {"alpha": ALL}),
        ("departments/alpha/src/alpha/new.csv", {"alpha": ALL}),
        ("departments/alpha/tests/test_it.py", {"alpha": "tests"}),
        ("departments/alpha/notes.md", {"alpha": "tests"}),
        ("departments/alpha/prefect.yaml", {"alpha": "deployment"}),
        ("departments/alpha/Dockerfile", {"alpha": "image deployment"}),
        ("departments/_template/src/template/__init__.py", {"_template": "tests"}),
        ("departments/_template/prefect.yaml", {"_template": "tests"}),
        ("packages/airnub-core/src/airnub_core/__init__.py", EVERYBODY),
        ("packages/airnub-core/tests/test_it.py", {"airnub-core": "tests"}),
        ("packages/airnub-prefect/README.md", {"airnub-prefect": "tests", "prefect": "image"}),
        ("infra/docker/Dockerfile", {"alpha": "image deployment", "beta": "image deployment", "prefect": "image"}),
        ("uv.toml", {name: "tests" for name in EVERYBODY if name != "prefect"}),
        ("configs/variables/alpha/ingestion.yaml", {"alpha": "deployment"}),
        ("README.md", {}),
        ("docs/how.md", {}),
        ("tests/test_all.py", {}),
        ("departments/alpha/src/ignored.csv", {}),
    ],
)
def test_one_file(checkout, path, expected):
    """The targets of one file, with their concerns."""
    checkout.write(path)
    assert checkout.affected() == expected


def test_a_chain_leads_from_the_file_to_the_department(checkout):
    """Through all dependencies between them."""
    checkout.write("packages/airnub-core/src/airnub_core/__init__.py")
    checkout.write("packages/airnub-core/src/airnub_core/more.py")
    path = "packages/airnub-core/src/airnub_core/__init__.py and 1 more file"
    assert checkout.reasons("alpha") == [f"{path} → airnub-core → alpha"]
    assert checkout.reasons("airnub-core") == [f"{path} → airnub-core"]
    assert checkout.reasons("prefect") == [f"{path} → airnub-core → airnub-prefect → prefect"]


@pytest.mark.parametrize(
    ("before", "after", "expected", "reason"),
    [
        ('"joblib"\nversion = "1.0"', '"joblib"\nversion = "2.0"', {"alpha": ALL}, "lock: joblib 1.0 → 2.0 → alpha"),
        ("sha256:11", "sha256:22", {"alpha": ALL}, "lock: joblib 1.0, different files → alpha"),
        (
            '"polars"\nversion = "2.1"', '"polars"\nversion = "2.2"', {"alpha": ALL, "airnub-core": "tests"},
            "lock: polars 2.1 → 2.2 → airnub-core → alpha",
        ),
        (
            '"pytest"\nversion = "9.0"', '"pytest"\nversion = "9.1"', {"alpha": "tests"},
            "lock: pytest 9.0 → 9.1 → alpha",
        ),
        (
            '    { name = "joblib" },\n', '    { name = "joblib" },\n    { name = "pytest" },\n', {"alpha": ALL},
            "lock: alpha now needs pytest → alpha",
        ),
        ('    { name = "joblib" },\n', "", {"alpha": ALL}, "lock: alpha no longer needs joblib → alpha"),
        ("revision = 3", "revision = 4", {}, ""),
    ],
)  # fmt: skip
def test_the_lock(checkout, before, after, expected, reason):
    """A changed package affects the members that install it."""
    checkout.replace("uv.lock", before, after)
    assert checkout.affected() == expected
    assert checkout.reasons("alpha") == ([reason] if reason else [])


def test_a_version_that_only_the_workers_have(checkout):
    """The image of the workers installs the extra `worker`; the package's own tests install every extra."""
    checkout.replace("uv.lock", '"docker"\nversion = "7.0"', '"docker"\nversion = "7.1"')
    assert checkout.affected() == {"airnub-prefect": "tests", "prefect": "image"}


def test_a_department_with_a_dockerfile_of_its_own(checkout):
    """It is not built from the shared Dockerfile, but from the scripts that both call."""
    checkout.write("departments/alpha/Dockerfile", "FROM scratch AS department\n")
    checkout.commit()
    checkout.write("infra/docker/Dockerfile")
    assert checkout.affected("HEAD") == {"beta": "image deployment", "prefect": "image"}
    checkout.write("infra/docker/install.sh")
    assert set(checkout.affected("HEAD")) == {"alpha", "beta", "prefect"}


def test_a_new_department(checkout):
    """It affects only itself, though the files of the root name it."""
    for path in ("pyproject.toml", "README.md", "src/gamma/__init__.py", "prefect.yaml"):
        checkout.write(f"departments/gamma/{path}", '[project]\nname = "gamma"\nversion = "0.1.0"\n')
    block = 'name = "gamma"\nversion = "0.1.0"\nsource = { editable = "departments/gamma" }\ndependencies = [\n'
    block += '    { name = "airnub-core" },\n]\n'
    checkout.replace("uv.lock", '[[package]]\nname = "joblib"', f'[[package]]\n{block}\n[[package]]\nname = "joblib"')
    checkout.replace("pyproject.toml", "[tool.uv.sources]\n", "[tool.uv.sources]\ngamma = { workspace = true }\n")
    checkout.replace("pyproject.toml", "alpha | beta", "alpha | beta | gamma")
    checkout.replace(
        "configs/departments.yaml", "departments:\n", "departments:\n  - {id: gamma, owner: team-c, status: active}\n"
    )
    checkout.write("configs/variables/gamma/ingestion.yaml")
    assert checkout.affected() == {"gamma": ALL}
    assert checkout.reasons("gamma")[0] == "departments/gamma is new → gamma"
    assert checkout.answer().unlocked == ()


def test_a_new_department_that_is_not_locked_yet(checkout):
    """Its declared dependencies affect it, and the result says that the lock lacks it."""
    checkout.write(
        "departments/gamma/pyproject.toml",
        '[project]\nname = "gamma"\ndependencies = ["airnub_core[tables]>=0", "httpx; python_version > \'3\'"]\n',
    )
    assert checkout.affected() == {"gamma": ALL}
    checkout.commit()
    checkout.write("packages/airnub-core/src/airnub_core/__init__.py")
    answer = checkout.answer()
    assert answer.unlocked == ("gamma",)
    assert "gamma" in {one.target.name for one in answer.found}


def test_a_removed_department(checkout):
    """No other target is affected; a leftover in the lock does not matter."""
    checkout.git("rm", "-r", "--quiet", "departments/beta")
    checkout.replace("configs/departments.yaml", "  - {id: beta, owner: team-b, status: active}\n", "")
    checkout.replace("pyproject.toml", "alpha | beta", "alpha")
    answer = checkout.answer()
    assert checkout.affected() == {}
    assert answer.gone == ("departments/beta",)


def test_a_sparse_checkout(checkout):
    """A department outside of it is not removed, and is affected as before."""
    checkout.git("sparse-checkout", "set", "packages", "departments/alpha")
    assert not (checkout.root / "departments/beta").exists()
    assert checkout.affected() == {}
    checkout.write("packages/airnub-core/src/airnub_core/__init__.py")
    assert checkout.affected() == EVERYBODY
    assert checkout.answer().gone == ()
    checkout.git("rm", "-r", "--quiet", "--sparse", "departments/beta")
    assert checkout.answer().gone == ("departments/beta",)


def test_a_removed_package(checkout):
    """Its former dependents are affected."""
    checkout.git("rm", "-r", "--quiet", "packages/airnub-core")
    text = (checkout.root / "uv.lock").read_text()
    start, end = text.index('[[package]]\nname = "airnub-core"'), text.index('[[package]]\nname = "airnub-prefect"')
    text = text[:start] + text[end:]
    checkout.write("uv.lock", text.replace('    { name = "airnub-core" },\n', "").replace(
        '    { name = "airnub-core", extra = ["tables"] },\n', ""
    ))  # fmt: skip
    assert set(checkout.affected()) == {"_template", "alpha", "beta", "airnub-prefect", "prefect"}
    assert checkout.reasons("beta") == ["lock: beta no longer needs airnub-core → beta"]


def test_a_renamed_file(checkout):
    """The targets of both paths are affected."""
    checkout.git("mv", "departments/alpha/src/alpha/__init__.py", "departments/beta/src/beta/moved.py")
    checkout.commit()
    assert checkout.affected() == {"alpha": ALL, "beta": ALL}


def test_a_member_in_a_different_folder(checkout):
    """It is a new department there."""
    checkout.git("mv", "departments/beta", "departments/better")
    checkout.replace("uv.lock", "departments/beta", "departments/better")
    answer = checkout.answer()
    assert checkout.affected().keys() == {"better"}
    assert answer.gone == ("departments/beta",)


def test_changes_of_the_base_branch_do_not_count(checkout):
    """The merge base is compared, also after a merge of the base branch."""
    checkout.write("departments/alpha/tests/test_more.py")
    checkout.commit()
    checkout.git("checkout", "--quiet", "main")
    checkout.write("packages/airnub-core/src/airnub_core/__init__.py")
    checkout.commit()
    checkout.git("checkout", "--quiet", "work")
    assert checkout.affected() == {"alpha": "tests"}
    checkout.git("merge", "--quiet", "--no-edit", "main")
    assert checkout.affected() == {"alpha": "tests"}


def test_a_merge_commit_as_github_makes_it(checkout):
    """The HEAD of a pull request's checkout is its merge into the base."""
    checkout.write("departments/alpha/tests/test_more.py")
    work = checkout.commit()
    checkout.git("checkout", "--quiet", "main")
    checkout.write("departments/beta/tests/test_more.py")
    checkout.commit()
    checkout.git("checkout", "--quiet", "--detach")
    checkout.git("merge", "--quiet", "--no-ff", "--no-edit", work)
    assert checkout.affected() == {"alpha": "tests"}
    assert checkout.affected("HEAD^1") == {"alpha": "tests"}


@pytest.mark.parametrize("how", ["untracked", "staged", "committed"])
def test_uncommitted_changes_count(checkout, how):
    """The working tree is compared."""
    checkout.write("departments/beta/src/beta/more.py")
    if how == "staged":
        checkout.git("add", "--all")
    if how == "committed":
        checkout.commit()
    assert checkout.affected() == {"beta": ALL}


def test_no_lock(checkout):
    """Without a lock, dependencies are unknown."""
    (checkout.root / "uv.lock").unlink()
    with pytest.raises(WorkspaceError, match=r"expected uv\.lock in .*, found none; run `uv lock`"):
        affected(checkout.root, "main")


@pytest.mark.parametrize(
    ("path", "tests"),
    [
        ("README.md", "tests/test_documentation.py"),
        ("docs/how.md", "tests/test_documentation.py"),
        ("departments/alpha/README.md", "tests/test_documentation.py"),
        (".github/workflows/check.yml", "tests/test_workflows.py"),
        (".ci/run", "tests/test_workflows.py"),
        ("tests/test_all.py", "tests"),
    ],
)
def test_pages_and_workflows_have_tests(checkout, path, tests):
    """Pages anywhere affect tests in the workspace's `tests/`, so they are not without effect."""
    checkout.write(path)
    assert checkout.workspace() == {tests: [f"{path} → {tests}"]}
    assert checkout.answer().without_effect == ()
