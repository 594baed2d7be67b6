"""Downloading files with libcurl: jobs in, staged files out, in a thread of this process and in others.

    pool → (worker →) downloader → schedule, multi → handle → body → large_file

The processes of a pool import this package and what it stands on, and neither models nor other clients.
"""
