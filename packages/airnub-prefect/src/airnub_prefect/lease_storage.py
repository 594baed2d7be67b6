"""Storage of the server's concurrency leases on disk, so that they survive an outage.

A run renews its lease every 225 seconds for 300, which Prefect fixes. A server that was away for longer would take the
slot away when it is back, and the run would be ended. A slot does not wait for its lease: every end of a run gives it
back at once, and automations end runs whose process is gone.

    PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE=airnub_prefect.lease_storage
"""

from datetime import timedelta
from uuid import UUID

from prefect.server.concurrency.lease_storage import ConcurrencyLimitLeaseMetadata
from prefect.server.concurrency.lease_storage.filesystem import ConcurrencyLeaseStorage as LeasesOnDisk
from prefect.server.utilities.leasing import ResourceLease

LEAST = timedelta(minutes=20)
"""An outage of five minutes, what a client waits between two attempts, and the time between two renewals."""


class ConcurrencyLeaseStorage(LeasesOnDisk):
    """Prefect's own, with a shortest time to live."""

    async def create_lease(
        self, resource_ids: list[UUID], ttl: timedelta, metadata: ConcurrencyLimitLeaseMetadata | None = None
    ) -> ResourceLease[ConcurrencyLimitLeaseMetadata]:
        """Write a lease that ends after `ttl`, or 20 minutes if that is longer."""
        return await super().create_lease(resource_ids, max(ttl, LEAST), metadata)

    async def renew_lease(self, lease_id: UUID, ttl: timedelta) -> bool:
        """Let a lease end after `ttl` from now, or 20 minutes if that is longer; false where there is none."""
        return await super().renew_lease(lease_id, max(ttl, LEAST))
