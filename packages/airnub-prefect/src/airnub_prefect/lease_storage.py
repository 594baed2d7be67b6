"""Storage of the server's concurrency leases on disk, so that they survive an outage.

Leases of URLs between workers are different ones: `airnub_core.store.index.leases`.

Prefect fixes the lease at 300 seconds, and a run renews it every 225 seconds. After a longer outage the server would
revoke the slot, and the run would be ended. A longer lease does not block slots: a run that ends releases its slot at
once, and automations end runs whose process is gone.

    PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=airnub_prefect.lease_storage
"""

from datetime import timedelta
from uuid import UUID

from prefect.server.concurrency.lease_storage import ConcurrencyLimitLeaseMetadata
from prefect.server.concurrency.lease_storage.filesystem import ConcurrencyLeaseStorage as LeasesOnDisk
from prefect.server.utilities.leasing import ResourceLease

LEAST = timedelta(minutes=20)
"""Minimum time to live: an outage of five minutes, a client's backoff, and the time between two renewals."""


class ConcurrencyLeaseStorage(LeasesOnDisk):
    """Prefect's lease storage on disk with a minimum time to live."""

    async def create_lease(
        self, resource_ids: list[UUID], ttl: timedelta, metadata: ConcurrencyLimitLeaseMetadata | None = None
    ) -> ResourceLease[ConcurrencyLimitLeaseMetadata]:
        """Create a lease that expires after `ttl`, at least 20 minutes."""
        return await super().create_lease(resource_ids, max(ttl, LEAST), metadata)

    async def renew_lease(self, lease_id: UUID, ttl: timedelta) -> bool:
        """Renew a lease for `ttl`, at least 20 minutes; false if there is none."""
        return await super().renew_lease(lease_id, max(ttl, LEAST))
