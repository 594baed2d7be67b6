"""HTTP: the only code of the engine that sends requests, for files, APIs, web pages and `Engine.client`.

| topic | module |
|---|---|
| allowed forms of URLs | `url` |
| allowed hosts and addresses (SSRF protection) | `ssrf` |
| trusted certificates; proxies | `tls`; `proxies` |
| redirects, and which headers and body they keep; cookies | `redirects`; `cookies` |
| limits of size, time and memory; of connections and rate | `limits`; `rate_limit` |
| retries and backoff; errors of libcurl | `retry`; `curl_errors` |
| validators that are sent, and what a 304 means | `conditional` |
| headers, credentials among them; Content-Encoding | `headers`, `redirects`; `encoding` |
| robots.txt | `robots` |
| the keys of `network:` in settings | `settings` |

A request passes through: `request` (`Request`, `Response`, and `Transfer`, a request in progress) → `client`, based on
`loop` (libcurl's multi interface) and `curl_handle` (one request) → `response`, which parses headers and enforces
limits → `body_sink`, which consumes the body.

Callers: `fetcher` (single requests), `transport` with `streams` (`Engine.client`), `downloader` (files) with
`worker_pool` and `workers` (this process and worker processes). Bodies of files: `file_sink`, `large_file`,
`io_threads`.

Worker processes import this package and its dependencies, but neither Pydantic nor httpx.
"""
