"""Leases of the server."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from prefect.server.concurrency.lease_storage import ConcurrencyLeaseStorageModule

from airnub_prefect import lease_storage
from airnub_prefect.lease_storage import LEAST, ConcurrencyLeaseStorage


@pytest.mark.parametrize(("asked", "got"), [(timedelta(minutes=5), LEAST), (timedelta(hours=1), timedelta(hours=1))])
@pytest.mark.parametrize("renewed", [False, True])
def test_a_lease_outlives_an_outage(tmp_path, asked, got, renewed):
    """It is 20 minutes long or longer, also after it was renewed for five."""

    async def end():
        storage = ConcurrencyLeaseStorage(tmp_path)
        lease = await storage.create_lease([uuid4()], timedelta(seconds=1) if renewed else asked)
        if renewed:
            assert await storage.renew_lease(lease.id, asked)
        found = await storage.read_lease(lease.id)
        return found.expiration

    before = datetime.now(UTC)
    expiration = asyncio.run(end())
    assert before + got <= expiration <= datetime.now(UTC) + got


def test_a_lease_that_is_gone_is_not_renewed(tmp_path):
    """So that a run whose slot is taken learns of it."""
    assert asyncio.run(ConcurrencyLeaseStorage(tmp_path).renew_lease(uuid4(), timedelta(minutes=5))) is False


def test_the_server_can_load_it():
    """It is what Prefect expects of such a module."""
    assert isinstance(lease_storage, ConcurrencyLeaseStorageModule)
