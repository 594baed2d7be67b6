"""HTTP: the only code of the engine that makes requests. Files, answers of APIs, pages and `Engine.client` share it.

    fetcher, transport, worker_pool → (worker →) downloader → client, loop → curl_handle → response → body_sink

| rule | module |
|---|---|
| which URLs may be asked for | `url` |
| which hosts and addresses (SSRF) | `ssrf` |
| trusted certificates; proxies | `tls`; `proxies` |
| redirects, and what goes along; cookies | `redirects`; `cookies` |
| limits of size and time; of connections and rate | `limits`; `rate_limit` |
| retries and backoff; errors of libcurl | `retry`; `curl_errors` |
| headers, credentials among them; Content-Encoding | `headers`, `redirects`; `encoding` |
| robots.txt | `robots` |
| the keys of `network:` in settings | `settings` |

The processes of a worker pool import this package and what it needs, and neither Pydantic nor httpx.
"""
