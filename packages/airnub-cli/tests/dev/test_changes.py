"""Changes: which files are not as they were."""

import asyncio
import os

import pytest

from airnub_cli.dev.changes import changes, different, is_code, look


@pytest.fixture
def root(tmp_path):
    """A small repository."""
    for name in ("packages/p/src/p/a.py", "departments/d/prefect.yaml", "configs/variables/d/x.yaml", "docs/a.md"):
        write(tmp_path / name, "one")
    return tmp_path


def write(path, text):
    """A file, with the folders that it needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_only_what_deployments_are_made_of_is_looked_at(root):
    """Sources, the departments' files, configs, pools and `.env`; no documentation."""
    write(root / ".env", "A=1")
    write(root / "infra/work-pools/d.yaml", "")
    names = {path.relative_to(root).as_posix() for path in look(root)}
    assert names == {
        "packages/p/src/p/a.py", "departments/d/prefect.yaml", "configs/variables/d/x.yaml", ".env",
        "infra/work-pools/d.yaml",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["__pycache__/a.cpython-313.pyc", ".a.py.swp", "a.py~", ".hidden/a.py", "a.tmp"])
def test_what_tools_leave_beside_is_no_change(root, name):
    """Bytecode, and what editors write while they save."""
    before = look(root)
    write(root / "packages/p/src/p" / name, "")
    assert different(before, look(root)) == []


def test_new_changed_and_removed_files_are_changes(root):
    """Also when the size is the same."""
    before = look(root)
    source, new, gone = (root / f"packages/p/src/p/{name}.py" for name in "abc")
    write(gone, "")
    with_gone = look(root)
    gone.unlink()
    write(new, "")
    source.write_text("two")
    os.utime(source, ns=(1, 1))
    assert different(before, look(root)) == [source, new]
    assert gone in different(with_gone, look(root))


def test_code_is_told_from_yaml(root):
    """Only code makes a deployment another one while its file is as before."""
    assert is_code(root / "packages/p/src/p/a.py")
    assert not is_code(root / "configs/variables/d/x.yaml")


def test_many_writes_in_a_row_are_told_once(root):
    """As `git checkout` makes them."""

    async def first():
        found = changes(root, every=0.05)
        waiting = asyncio.create_task(anext(found))
        await asyncio.sleep(0.1)
        for number in range(10):
            write(root / f"configs/{number}.yaml", "")
            await asyncio.sleep(0.01)
        return await asyncio.wait_for(waiting, 10)

    assert len(asyncio.run(first())) == 10
