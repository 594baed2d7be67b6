"""TLS: the CA certificates that all HTTP clients trust."""

import os

import certifi


def trusted() -> tuple[str | None, str | None]:
    """Return the paths of a file and of a folder of CA certificates.

    They are the values of `SSL_CERT_FILE` and `SSL_CERT_DIR`; if neither is set, the file is certifi's bundle.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    return (file or None if file or folder else certifi.where()), folder or None
