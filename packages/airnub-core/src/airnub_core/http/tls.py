"""TLS: the trusted certificates, the same for every client."""

import os

import certifi


def trusted() -> tuple[str | None, str | None]:
    """A file and a folder of certificates: those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, else Mozilla's."""
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return (file or None if file or folder else certifi.where()), folder or None
