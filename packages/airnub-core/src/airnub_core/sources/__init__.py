"""Kinds of source: settings and ingestion of each.

base         the settings of all kinds, and the steps to add a kind
files        URLs of files
apis         JSON APIs; `pagination`; `records`, with the watermark of incremental sources
pages        links on web pages and in sitemaps; `html`
"""
