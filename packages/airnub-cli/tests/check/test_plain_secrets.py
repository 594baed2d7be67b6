"""Plain secrets."""

import subprocess

import pytest

from airnub_cli.check.plain_secrets import check_plain_secrets

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
        f"{path}: expected that git does not have it; `git rm --cached {path}`"
        for path in (".env", "departments/alpha_dept/.env")
    ]
