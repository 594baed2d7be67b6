"""Certificates that servers on loopback show: one that is right, and one for each way to be wrong."""

import ssl
import subprocess
from pathlib import Path

_CONFIGURATION = """
[ca]
default_ca = authority
[authority]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
[here]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1, DNS:localhost
[elsewhere]
basicConstraints = critical, CA:FALSE
subjectAltName = DNS:elsewhere.example
"""
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_DATES = {"good": ("240101000000Z", "491231000000Z"), "expired": ("200101000000Z", "210101000000Z")}


class Certificates:
    """Made in `folder` by the command `openssl`; `authority` is the file that a client has to trust.

    Raises:
        FileNotFoundError: there is no `openssl`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.authority = folder / "authority.pem"
        (folder / "authority.cnf").write_text(_CONFIGURATION)
        (folder / "index.txt").write_text("")
        (folder / "serial").write_text("1000\n")
        self._openssl(
            *("req", "-x509", *_KEY, "-days", "30", "-subj", "/CN=authority"),
            *("-keyout", "authority.key", "-out", self.authority.name),
        )

    def context(self, kind: str) -> ssl.SSLContext:
        """A server's context.

        Args:
            kind: `good`, `expired`, `elsewhere` (of another host) or `self-signed`.
        """
        if kind == "self-signed":
            self._openssl(
                *("req", "-x509", *_KEY, "-days", "30", "-subj", "/CN=itself"),
                *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", f"{kind}.key", "-out", f"{kind}.pem"),
            )
        else:
            start, end = _DATES.get(kind, _DATES["good"])
            self._openssl("req", "-new", *_KEY, "-subj", f"/CN={kind}", "-keyout", f"{kind}.key", "-out", f"{kind}.csr")
            self._openssl(
                *("ca", "-batch", "-notext", "-config", "authority.cnf", "-extensions"),
                *("elsewhere" if kind == "elsewhere" else "here", "-startdate", start, "-enddate", end),
                *(
                    "-cert",
                    self.authority.name,
                    "-keyfile",
                    "authority.key",
                    "-in",
                    f"{kind}.csr",
                    "-out",
                    f"{kind}.pem",
                ),
            )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._folder / f"{kind}.pem", self._folder / f"{kind}.key")
        return context

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=self._folder, check=True, capture_output=True)
