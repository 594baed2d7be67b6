"""Kinds of source: settings and ingestion of each.

base         the settings of all kinds, and the steps to add a kind
files        URLs of files
apis         JSON APIs: `pagination`, `records` and `watermarks`
pages        links on web pages: `html`, or a `sitemap`
"""
