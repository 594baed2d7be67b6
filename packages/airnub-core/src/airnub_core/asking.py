"""Asking: one item at a time, whose answer is needed to go on, as of a page or an API. With retries, and in turn."""

from collections.abc import Mapping

from airnub_core.errors import ItemError, StoreError
from airnub_core.items import Item
from airnub_core.network.pacing import Pacing, host_of
from airnub_core.network.retries import retrying
from airnub_core.network.settings import NetworkSettings
from airnub_core.network.transfer import HttpTransfer, Received, Request
from airnub_core.store.staging import Staging


class Asker:
    """Shared by all that ask in one engine; belongs to its event loop."""

    def __init__(self, network: NetworkSettings, staging: Staging, user_agent: str) -> None:
        self._pacing = Pacing(network)
        self._staging = staging
        self._transfer = HttpTransfer(user_agent)

    async def ask(
        self, item: Item, network: NetworkSettings, conditions: Mapping[str, str] | None = None
    ) -> tuple[Received, int]:
        """The answer, its body staged, and how many attempts it took.

        Args:
            item: what to ask.
            network: its limits.
            conditions: headers that let the server say that nothing changed.

        Raises:
            ItemError: it cannot be had; `error.attempts` says after how many attempts.
            StoreError: the store cannot be written.
        """
        request = Request(item.url, network, item.headers, conditions or {})
        attempts = 0
        try:
            async for attempt in retrying(network.attempts):
                with attempt:
                    attempts += 1
                    async with self._pacing.turn(host_of(item.url), network):
                        received = await self._transfer.fetch(request, self._staging.body)
        except ItemError as error:
            error.attempts = attempts
            raise
        except OSError as error:
            raise StoreError.of(error, self._staging.folder) from error
        return received, attempts

    async def close(self) -> None:
        """Close its connections."""
        await self._transfer.aclose()
