"""HTTP: the only code of the engine that makes requests. Files, answers of APIs, pages and `Engine.client` share it.

    fetcher, transport, worker_pool → (worker →) downloader → client → multi → curl_handle → response → body_sink

| rule | module |
|---|---|
| which URLs are asked for | `url` |
| which hosts and addresses (SSRF) | `ssrf`, `addresses` |
| whose certificates are trusted; which proxy is asked | `tls`; `proxies` |
| redirects, and what goes along; cookies | `redirects`; `cookies` |
| sizes and times; connections, rate and order | `limits`; `rate_limit` |
| what is asked again, and when | `retry` |
| headers; Content-Encoding; robots.txt | `headers`, `content_disposition`; `encoding`; `robots` |

The processes of a worker pool import this package and what it needs, and neither Pydantic nor httpx.
"""
