"""Downloading files with libcurl: jobs in, staged files out, in a thread of this process and in others.

    crew → (worker →) downloader → schedule, multi → exchange → body → large_file

The processes of a crew import this package and what it stands on, and neither models nor other clients.
"""
