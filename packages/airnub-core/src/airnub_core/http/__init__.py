"""HTTP: the only code of the engine that makes requests. Files, answers of APIs, pages and `Engine.client` share it.

| rule | module |
|---|---|
| which URLs may be asked for | `url` |
| which hosts and addresses (SSRF) | `ssrf` |
| trusted certificates; proxies | `tls`; `proxies` |
| redirects, and what goes along; cookies | `redirects`; `cookies` |
| limits of size and time; of connections and rate | `limits`; `rate_limit` |
| retries and backoff; errors of libcurl | `retry`; `curl_handle` |
| headers, credentials among them; Content-Encoding | `headers`, `redirects`; `encoding` |
| robots.txt | `robots` |
| the keys of `network:` in settings | `settings` |

The way of a request: `request` (`Request`, `Response`, and the transfer between them) → `client`, over `loop`
(libcurl's multi interface) and `curl_handle` (one request) → `response`, which reads headers and keeps limits →
`body_sink`, where the body goes.

Who asks: `fetcher` (one at a time), `transport` with `streams` (`Engine.client`), `downloader` (files) with
`worker_pool` and `workers` (this process and others). Bodies of files: `file_sink`, `large_file`, `io_threads`.

The processes of a worker pool import this package and what it needs, and neither Pydantic nor httpx.
"""
