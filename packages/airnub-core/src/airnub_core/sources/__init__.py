"""Kinds of source: settings and ingestion of each.

base         what every kind has, and what a new kind must bring
files        URLs of files
apis         JSON APIs: `pagination`, `records` and `watermarks`
pages        links on web pages: `html`, or a `sitemap`
"""
