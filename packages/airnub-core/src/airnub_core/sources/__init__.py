"""Kinds of source: settings and ingestion of each.

base         the settings of all kinds, and the steps to add a kind
files        URLs of files
apis         JSON APIs: their watermarks; `pagination` and `records`
pages        links on web pages and in sitemaps; `html`
"""
