"""Proxies: the proxy that the environment sets for a host, the same for every client."""

import os
from collections.abc import Callable
from functools import cache

# Looked up by name, which is faster than iterating over the whole environment.
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ProxyFor = Callable[[str, str], str | None]
"""Returns the URL of the proxy for a scheme and a host; `None` for a direct connection."""


def proxies_of_environment() -> ProxyFor:
    """Return a function that looks up the proxy for a scheme and a host.

    It uses `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, in lower or upper case, as they are set now.
    """
    proxies: dict[str, str] = {}
    if any(map(os.environ.get, _VARIABLES)):
        from urllib import request  # slow to import

        proxies = request.getproxies_environment()

    @cache
    def proxy_for(scheme: str, host: str) -> str | None:
        proxy = proxies.get(scheme) or proxies.get("all")
        if not proxy or request.proxy_bypass_environment(host, proxies):  # type: ignore[attr-defined]  # not in typeshed
            return None
        return proxy

    return proxy_for
