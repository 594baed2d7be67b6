"""Parse commands as pages show them, with all their arguments, by their programs; no command is run."""

import ast
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import yaml

from airnub_cli.__main__ import main as airnub
from airnub_cli.configuration.environment import environments
from airnub_cli.images.image import Named
from airnub_cli.workspace import Workspace, WorkspaceError
from airnub_prefect.command.main import group

ROOT = Path(__file__).parents[2]
WORKSPACE = Workspace.around(ROOT)
DEPARTMENTS = {
    one.name: import_module(f"{one.module}.department").DEPARTMENT
    for one in WORKSPACE.members.values()
    if one.kind == "department"
}
EXAMPLE = "project-alpha"
"""The department of the pages' examples. Where `airnub adopt` took it out, commands that name it are no commands."""
_NAMES_EXAMPLE = re.compile(r"\bproject[-_]alpha\b")
NEW = "orders"
"""The department that pages create, by copying the template; tests/test_departments.py does that, too."""
COMMANDS = {"airnub": airnub} | {name: group(department) for name, department in DEPARTMENTS.items()}
COMMANDS[NEW] = COMMANDS["department-template"]
DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
_BLOCK = re.compile(r"```(?:sh|bash)\n(.*?)```", re.DOTALL)
_INLINE = re.compile(r"`(uv run [^`…]+)`")
_MENTION = re.compile(rf"`((?:docker compose|\.ci/run|{'|'.join(COMMANDS)}) [^`…]+)`")
_UV_FLAGS = {"--all-packages", "--no-sync", "--frozen", "--no-dev", "--quiet"}
"""Of `uv run`, without a value."""
# Arguments are parsed as usual, but commands are not run.
_PARSE_ALONE = """
import argparse, runpy, sys
parse = argparse.ArgumentParser.parse_args
def parsed(*arguments, **options):
    parse(*arguments, **options)
    raise SystemExit(0)
argparse.ArgumentParser.parse_args = parsed
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
raise SystemExit("expected arguments to be parsed by argparse, found that they were not")
"""


class UnknownArgumentError(AssertionError):
    """A command that its program would reject as the page shows it."""


def commands_of(page):
    """Every command of a page, without its comment: lines in blocks of sh, and `uv run` in a sentence."""
    lines = []
    for block in _BLOCK.findall(page):
        lines += re.sub(r"\\\n\s*", "", block).splitlines()
    return _commands((*lines, *_INLINE.findall(page)))


def mentions_of(page):
    """Commands that a sentence of a page mentions, perhaps without their arguments."""
    return _commands(_MENTION.findall(page))


def _commands(lines):
    found = (re.sub(r"(^|\s+)#.*", "", " ".join(line.split())).strip() for line in lines)
    return [one for one in dict.fromkeys(found) if one and can_be_typed(one)]


def can_be_typed(command):
    """Whether the repository has the parts that a command names; False for the example's if it was removed."""
    return EXAMPLE in DEPARTMENTS or not _NAMES_EXAMPLE.search(command)


def words_of(command):
    """The words of each program on a line, for programs one after another or in a pipe."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    programs = [[]]
    for word in lexer:
        if set(word) <= set("|&;"):
            programs.append([])
        else:
            programs[-1].append(word)
    without_variables = ([word for word in words if not re.match(r"[A-Z_]+=", word)] for words in programs)
    return [words for words in without_variables if words and words != ["export"]]


def parse(words, *, is_whole=True):
    """Let the first program on the line parse the rest.

    Args:
        words: of one program.
        is_whole: whether arguments that it needs must be there; those that are there are parsed in any case.

    Returns:
        Whether it did; `False` for a program that is not known here.

    Raises:
        UnknownArgumentError: it would not understand them.
    """
    program, *rest = words
    if program == "uv" and rest[:1] == ["run"]:
        return parse(_without_uv(rest[1:]), is_whole=is_whole)
    if program in COMMANDS:
        _parse_click(program, rest, is_whole=is_whole)
    elif program == "prefect":
        _parse_prefect(rest)
    elif words[:2] == ["docker", "compose"]:
        _parse_compose(rest[1:])
    elif words[:2] == ["python", "-m"] and rest[1].startswith("benchmarks."):
        _parse_benchmark(rest[1:])
    elif words[:2] == ["python", "-m"] and rest[1].endswith(".data_science"):
        _context(import_module(f"{rest[1]}.__main__").main, rest[2:], rest[1], is_whole=is_whole)
    elif program == ".ci/run":
        stages = set(re.findall(r"^(\w+)\(\) \{", (ROOT / ".ci/run").read_text(), re.MULTILINE))
        _require(set(rest) <= stages, words, f"expected stages of .ci/run ({', '.join(sorted(stages))})")
    else:
        return False
    return True


def _require(condition, words, expected):
    if not condition:
        raise UnknownArgumentError(f"`{shlex.join(words)}`: {expected}")


def _without_uv(words):
    """The command that `uv run` would start; members, groups and extras in its options must exist."""
    rest, member = list(words), None
    while rest and rest[0].startswith("-"):
        option = rest.pop(0)
        if option in _UV_FLAGS:
            continue
        _require(
            option in {"--package", "--group", "--extra"}, words, f"expected an option of `uv run`, found {option}"
        )
        value = rest.pop(0)
        if option == "--package" and value != NEW:
            member = next((one for one in WORKSPACE.members.values() if one.name == value), None)
            _require(member, words, f"expected a member of the workspace after --package, found {value}")
        elif option != "--package":
            project = tomllib.loads(((member.folder if member else ROOT) / "pyproject.toml").read_text())
            table = project["dependency-groups"] if option == "--group" else project["project"]["optional-dependencies"]
            _require(value in table, words, f"expected one of {', '.join(table)} after {option}, found {value}")
    _require(rest, words, "expected a command for `uv run`")
    return rest


def _context(command, arguments, name, *, is_whole):
    try:
        return command.make_context(name, list(arguments))
    except click.exceptions.Exit as ended:  # --help
        _require(ended.exit_code == 0, [name, *arguments], "expected arguments that are understood")
    except (click.MissingParameter, click.BadOptionUsage) as error:
        _require(not is_whole, [name, *arguments], error.format_message())
    except click.ClickException as error:
        raise UnknownArgumentError(f"`{shlex.join([name, *arguments])}`: {error.format_message()}") from error
    return None


def _parse_click(program, words, *, is_whole):
    """Descend through the groups to the command, which parses its arguments; then look up the names in them."""
    command, rest = COMMANDS[program], list(words)
    while isinstance(command, click.Group) and (rest or is_whole):
        names = ", ".join(command.commands)
        _require(rest and rest[0] in command.commands, [program, *words], f"expected one of {names}")
        command = command.commands[rest.pop(0)]
    context = None if isinstance(command, click.Group) else _context(command, rest, command.name, is_whole=is_whole)
    for name, given in context.params.items() if context and is_whole else ():
        for value in given if isinstance(given, tuple) else [given]:
            names_environment = any(one.name == name and "--env" in one.opts for one in command.params)
            kind = "environment" if names_environment else name
            known = None if value is None else _known(program, command.name, kind, str(value))
            expected = f"expected one of {', '.join(sorted(known or ()))} for {name}, found {value}"
            _require(known is None or value in known, [program, *words], expected)


def _known(program, command, name, value):
    """The allowed names of a parameter; `None` if it takes no names."""
    if program == "airnub":
        if name == "environment":
            return {"local", *environments(ROOT)}
        if command in {"images", "sbom"} and name == "names":
            return {value} if _is_image(value) else set(DEPARTMENTS)
        if command == "test" and name == "names":
            return {value} if value == NEW or _is_member(value) else {one.name for one in WORKSPACE.members.values()}
        if name == "owner":
            return {value} if value.startswith("team-") else {"team-…"}
        return None
    if program == NEW:
        return None
    department = DEPARTMENTS[program]
    file = ROOT / f"configs/variables/{department.name}/ingestion.yaml"
    settings = yaml.safe_load(file.read_text()) if file.exists() else {}
    sources = {
        one["name"] for part in settings.values() if isinstance(part, list) for one in part if isinstance(one, dict)
    }
    datasets = set(getattr(import_module(f"{department.name}.datasets"), "DATASETS", ()))
    if name in {"source", "sources"}:
        return sources | datasets
    if name in {"dataset_name", "accept"} or (command == "vacuum" and name == "names"):
        return datasets
    return None


def _is_image(name):
    try:
        Named(WORKSPACE).one(name)
    except WorkspaceError:
        return False
    return True


def _is_member(name):
    try:
        WORKSPACE.named(name)
    except WorkspaceError:
        return False
    return True


def _parse_prefect(words):
    """Parse as Prefect's command does; named deployments and pools must exist."""
    from cyclopts import CycloptsError
    from prefect.cli._app import _app

    # The position of these two makes no difference.
    rest = [word for word in words if word not in {"--prompt", "--no-prompt"}]
    try:
        _, bound, _ = _app.parse_args(rest, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        raise UnknownArgumentError(f"`{shlex.join(['prefect', *words])}`: {error}") from error
    if words[:2] == ["deployment", "run"]:
        names = {f"{one['entrypoint'].rpartition(':')[2].replace('_', '-')}/{one['name']}" for one in DEPLOYMENTS}
        names |= {f"{one['name']}/{one['name']}" for one in DEPLOYMENTS}
        _require(bound.arguments["name"] in names, words, f"expected one of the deployments {', '.join(sorted(names))}")
    pool = bound.arguments.get("work_pool_name") or (words[:2] == ["work-pool", "create"] and bound.arguments["name"])
    pools = {one.stem for one in (ROOT / "infra/work-pools").glob("[!_]*.yaml")}
    _require(not pool or pool in pools, words, f"expected one of the pools {', '.join(sorted(pools))}, found {pool}")


def _parse_compose(words):
    """Parse by Compose itself, if this machine has it; services must be in docker-compose.yml."""
    rest = list(words)
    while rest[0] == "--profile":
        del rest[:2]
    subcommand, *rest = rest
    options = [word for word in rest if word.startswith("-")]
    known = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    if subcommand in {"exec", "run"}:
        service = next(at for at, word in enumerate(rest) if not word.startswith("-"))
        options, services, inner = rest[:service], [rest[service]], rest[service + 1 :]
        if inner:
            parse(inner)
    elif subcommand in {"build", "logs", "ps", "pull", "restart", "rm", "start", "stop", "up"}:
        services = [word for word in rest if not word.startswith("-") and not word.isdigit() and "=" not in word]
    else:
        services = []
    expected = f"expected services ({', '.join(sorted(known))})"
    _require(set(services) <= known.keys(), ["docker", "compose", *words], expected)
    if _has_compose():
        status, said = _compose(subcommand, *options)
        _require(status == 0, ["docker", "compose", *words], said)


@cache
def _has_compose():
    # The client may lack its Compose plugin; it then prints its own help for `docker compose --help`, with status 0.
    version = ["docker", "compose", "version"]
    return (
        shutil.which("docker") is not None and subprocess.run(version, capture_output=True, check=False).returncode == 0
    )


@cache
def _compose(*words):
    # With --help it parses the arguments before it, and does nothing.
    done = subprocess.run(["docker", "compose", *words, "--help"], capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


@cache
def _benchmark(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", _PARSE_ALONE, module, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr.strip()


def _parse_benchmark(words):
    module, *arguments = words
    place = ROOT / module.replace(".", "/")
    file = place / "__main__.py" if place.is_dir() else place.with_suffix(".py")
    _require(file.is_file(), ["python", "-m", *words], f"expected a module, found no {file.relative_to(ROOT)}")
    if "argparse" in file.read_text():
        status, said = _benchmark(module, *arguments)
        _require(status == 0, ["python", "-m", *words], said)
    else:  # it would be run
        _require(not arguments, ["python", "-m", *words], f"expected no arguments for {module}")


# --- the test that runs a command ------------------------------------------------------------------------------------

_NOISE = {"uv", "run", "docker", "compose", "pip", "install", "export", "&&", "|", "python", "-m", "sync"} | _UV_FLAGS


def expect_run_by(place, command):
    """Fail unless a test, or a function of a shell script, exists and contains the words of a command.

    Args:
        place: `tests/test_x.py::test_y`, or `.ci/run::stage`.
        command: as the page has it. Values, files, addresses and ports may be different in the test, and what only
            starts another program (`uv run`, `docker compose`) may be missing.
    """
    path, _, name = place.partition("::")
    file = ROOT / path
    if not name or not file.is_file():
        raise AssertionError(f"expected FILE::TEST for `{command}`, with a file that exists, found {place!r}")
    said = _python_literals(file, name) if file.suffix == ".py" else _shell_function(file, name)
    if said is None:
        raise AssertionError(f"expected {name} in {path}, which is said to run `{command}`, found none")
    missing = [word for words in words_of(command) for word in _telling(words) if word not in said]
    if missing:
        raise AssertionError(f"expected {place} to have the words of `{command}`, found none of {', '.join(missing)}")


def _telling(words):
    """Names of programs, subcommands and options: words without dot, slash, digit or equals sign."""
    return [word for word in words if word not in _NOISE and re.fullmatch(r"-{0,2}[a-z][a-z_-]*", word)]


def _words(text):
    return set(re.findall(r"--?[a-z][a-z_-]*|[a-z][a-z_-]*", text))


def _shell_function(file, name):
    found = re.search(rf"^{re.escape(name)}\(\) \{{\n(.*?)^\}}", file.read_text(), re.DOTALL | re.MULTILINE)
    return _words(found[1]) if found else None


def _python_literals(file, name):
    """Words in the strings of a test, and of the fixtures, helpers and constants that it uses."""
    known = {}
    helpers = [*file.parent.glob("importable/*.py"), *(ROOT / "tests/importable").glob("*.py")]
    for one in (*helpers, file.with_name("conftest.py"), file):
        for node in ast.parse(one.read_text()).body if one.is_file() else ():
            names = (
                [node.name]
                if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
                else [target.id for target in getattr(node, "targets", ()) if isinstance(target, ast.Name)]
            )
            known.update(dict.fromkeys(names, node))
            if isinstance(node, ast.ClassDef):
                known.update({inner.name: inner for inner in node.body if isinstance(inner, ast.FunctionDef)})
    if name not in known:
        return None
    waiting, seen, said = [name], set(), set()
    while waiting:
        one = waiting.pop()
        if one in seen or one not in known:
            continue
        seen.add(one)
        for node in ast.walk(known[one]):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                said |= _words(node.value)
            elif isinstance(node, ast.Name):
                waiting.append(node.id)
            elif isinstance(node, ast.Attribute):
                waiting.append(node.attr)
            elif isinstance(node, ast.arg):
                waiting.append(node.arg)
    return said
