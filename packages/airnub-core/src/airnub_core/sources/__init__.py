"""Kinds of source: settings and ingestion of each.

base         what every kind has, and what a new kind must bring
files        URLs of files
apis         JSON APIs: their watermarks; `pagination` and `records`
pages        links on web pages and in sitemaps; `html`
"""
