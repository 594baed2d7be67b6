"""Proxies: the proxy that the environment sets for a host, the same for every client."""

import os
from collections.abc import Callable
from functools import cache

# Asked for by name: reading the whole environment takes as many calls as a file does.
_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
ProxyFor = Callable[[str, str], str | None]
"""Gives the URL of the proxy for a scheme and a host, `None` for the direct way."""


def proxies_of_environment() -> ProxyFor:
    """A function that gives the URL of the proxy for a scheme and a host, `None` for the direct way.

    It goes by `https_proxy`, `all_proxy` and `no_proxy` and their like as they are now.
    """
    if not any(map(os.environ.get, _VARIABLES)):
        return lambda _scheme, _host: None
    from urllib import request  # slow to import

    proxies = request.getproxies_environment()

    @cache
    def proxy_for(scheme: str, host: str) -> str | None:
        proxy = proxies.get(scheme) or proxies.get("all")
        spared = request.proxy_bypass_environment(host, proxies)  # type: ignore[attr-defined]  # typeshed forgot it
        return proxy if proxy and not spared else None

    return proxy_for
