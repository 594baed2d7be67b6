"""What the tests of the store share: bytes on their way into it."""

import pytest

from airnub_core.store.manifest import url_digest
from airnub_core.store.provenance import Asked
from airnub_core.store.staging import Staging


@pytest.fixture
def staging(tmp_path):
    """A staging folder of this process, in the store in `tmp_path`."""
    with Staging(tmp_path / ".airnub" / "staging") as own:
        yield own


@pytest.fixture
def stage(staging):
    """Stage bytes of a URL."""

    def one(content=b"content", url="http://h/a", name="a.csv", source="s", headers=()):
        body = staging.body()
        body.write(content)
        return body.finish(Asked(source, url, url_digest(url)), url, dict(headers), name)

    return one
