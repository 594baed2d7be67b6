"""Marks of a merge.
Plain secrets.
"""

import subprocess

import pytest

from airnub_cli.check.committed_files import check_conflicts, check_plain_secrets

CONFLICT = "one = 1\n<<<<<<< department\ntwo = 2\n=======\ntwo = 3\n>>>>>>> template\n"


@pytest.fixture
def in_git(house):
    """The house in git, with everything committed."""
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=house.root, check=True)
    return house


@pytest.mark.parametrize(
    "path",
    [
        "departments/alpha_dept/src/alpha_dept/flows/ingestion.py",
        "departments/alpha_dept/README.md",
        "departments/alpha_dept/prefect.yaml",
        "configs/departments.yaml",
        "pyproject.toml",
        "new file.txt",
    ],
)
def test_a_conflict_is_reported_once_with_its_line(in_git, path):
    """In any text file, tracked or new."""
    in_git.write(path, CONFLICT)
    [found] = in_git.told(check_conflicts(in_git.root))
    assert found.startswith(f"{path}:2: expected no conflict mark, found <<<<<<< of a merge; resolve the conflict")


def test_each_conflict_of_a_file(in_git):
    """At its first mark; marks that are left without the others count, too."""
    in_git.write("a.py", CONFLICT + CONFLICT + ">>>>>>> template\n")
    assert [one.line for one in check_conflicts(in_git.root)] == [2, 8, 13]


def test_line_ends_of_windows(in_git):
    """A mark is one there, too."""
    (in_git.root / "a.py").write_bytes(b"<<<<<<<\r\nx\r\n>>>>>>>\r\n")
    assert [one.line for one in check_conflicts(in_git.root)] == [1]


@pytest.mark.parametrize(
    "text", ["Title\n=======\n", "x <<<<<<< y\n", "<<<<<<<<<<<<<<\n", "\0<<<<<<< x\n", "text = '''\n  <<<<<<< x\n'''\n"]
)
def test_other_lines_like_it(in_git, text):
    """A heading, a line in the middle of which there are such characters, and bytes that are not text."""
    in_git.write("a.md", text)
    assert list(check_conflicts(in_git.root)) == []


def test_what_git_ignores_is_not_looked_at(in_git):
    """Such as environments and caches."""
    in_git.write(".gitignore", ".venv/\n")
    in_git.write(".venv/a.py", CONFLICT)
    assert list(check_conflicts(in_git.root)) == []


def test_settings_of_git_change_nothing(in_git):
    """Such as columns and full names, in a workspace below git's root."""
    for name in ("grep.column", "grep.fullName", "grep.lineNumber", "color.grep"):
        subprocess.run(
            ["git", "config", name, "always" if name == "color.grep" else "true"], cwd=in_git.root, check=True
        )
    in_git.write("packages/shared-things/a.py", CONFLICT)
    [found] = check_conflicts(in_git.root / "packages")
    assert (found.where, found.line) == (str(in_git.root / "packages/shared-things/a.py"), 2)


def test_outside_of_git_there_are_none(house):
    """Git makes the marks."""
    house.write("a.py", CONFLICT)
    assert list(check_conflicts(house.root)) == []


SETTINGS = "configs/variables/alpha_dept/ingestion.yaml"


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        (SETTINGS, "a: 1\nheaders:\n  Authorization: Bearer abc\n", ":3: expected no secret"),
        (SETTINGS, "params: {api_key: abc}\n", ":1: expected no secret in a file, found one as params.api_key"),
        (SETTINGS, "urls:\n  - https://u:p@example.org/\n", ":2: expected no secret in a file, found one as urls.0, a"),
        (SETTINGS, "index: postgresql://u:p@db/x\n", ":1: expected no secret"),
        ("infra/work-pools/a.yaml", "job_variables:\n  env: {DB_PASSWORD: x}\n", ":2: expected no secret"),
        ("departments/alpha_dept/prefect.yaml", "x: [{env: {TOKEN: x}}]\n", ":1: expected no secret"),
        (
            "departments/alpha_dept/prefect.yaml",
            "deployments:\n  - parameters: {index: 'postgresql://u:p@db/x'}\n",
            ":2: expected no secret in a file, found one as deployments.0.parameters.index, a URL with a password",
        ),
        ("infra/work-pools/a.yaml", "x:\n  image: https://u:p@registry/x\n", ":2: expected no secret in a file, found"),
        ("configs/environments/loud.yaml", "variables: {a: {b: {token: x}}}\n", ":1: expected no secret"),
    ],
)  # fmt: skip
def test_a_secret_in_a_file_is_reported(house, path, text, expected):
    """With its line, and never with its value."""
    house.write(path, text)
    [line] = house.told(check_plain_secrets(house.root))
    assert line.startswith(f"{path}{expected}")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SETTINGS, "auth: {block: secret/token, header: Authorization, prefix: 'Bearer '}\n"),
        (SETTINGS, "index: {block: secret/index-url}\nurls: ['https://example.org/a@b']\n"),
        ("configs/environments/loud.yaml", "variables: {a: {b: {token: '${TOKEN}', url: '${U}://${A}:${B}@x'}}}\n"),
        ("infra/work-pools/a.yaml", "job_manifest: {secretKeyRef: {name: a, key: password}, secretName: x}\n"),
        ("infra/work-pools/a.yaml", "automountServiceAccountToken: false\n"),
        ("departments/alpha_dept/prefect.yaml", "deployments:\n  - parameters: {sort_key: day}\n"),
        ("configs/blocks/a.yaml", "fields: {value: x}\n"),
        (SETTINGS, "token: [\n"),
    ],
)
def test_what_is_none_is_left_alone(house, path, text):
    """References, placeholders, names of things; blocks refuse their own."""
    house.write(path, text)
    assert list(check_plain_secrets(house.root)) == []


def test_an_env_file_that_git_has(house):
    """It says how to get it out again; one that git ignores is fine."""
    subprocess.run(["git", "init", "-q"], cwd=house.root, check=True)
    for path in (".env", "departments/alpha_dept/.env", ".env.example"):
        house.write(path, "A=1\n")
    assert list(check_plain_secrets(house.root)) == []
    subprocess.run(["git", "add", "-f", "."], cwd=house.root, check=True)
    assert house.told(check_plain_secrets(house.root)) == [
        f"{path}: expected it untracked, found it in git; `git rm --cached {path}`"
        for path in (".env", "departments/alpha_dept/.env")
    ]
