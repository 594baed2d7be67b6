"""The server of all programs: nginx on loopback with its own configuration in a temporary folder."""

import getpass
import grp
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 10
INSTALL = "apt-get install nginx openssl"

_CONFIGURATION = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 8192;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 10000000;
    keepalive_time 1h;
    etag on;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{plain} backlog=4096;
        listen 127.0.0.1:{tls} ssl http2 backlog=4096;
        ssl_certificate {folder}/server.pem;
        ssl_certificate_key {folder}/server.key;
        ssl_protocols TLSv1.3;
        root {root};
        autoindex on;
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Server:
    """Addresses of a running server."""

    plain: str
    """Base URL over HTTP/1.1."""
    tls: str
    """Base URL over TLS with HTTP/2."""
    certificate: Path
    """Certificate that a client has to trust, a file in PEM format."""

    @property
    def port(self) -> int:
        """Port without TLS."""
        return int(self.plain.rpartition(":")[2])


def is_installed() -> bool:
    """Whether nginx and openssl are installed."""
    return all(shutil.which(tool, path=_PATH) for tool in ("nginx", "openssl"))


@contextmanager
def serve(root: Path) -> Iterator[Server]:
    """Serve the folder `root` by nginx with one worker process until the block ends.

    Raises:
        RuntimeError: nginx is not installed or did not start; the message has its output.
    """
    if not is_installed():
        raise RuntimeError(f"expected nginx and openssl, found at least one missing; install them: {INSTALL}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="airnub-nginx-")))
        folder.chmod(0o755)
        _certify(folder)
        plain, tls = free_ports(2)
        # Started by root, the worker would run as the user `nobody`, who cannot read private folders.
        user = f"user {getpass.getuser()} {grp.getgrgid(os.getgid()).gr_name};" if os.geteuid() == 0 else ""
        configuration = folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder, root=root, plain=plain, tls=tls, user=user))
        nginx = subprocess.Popen(
            [str(shutil.which("nginx", path=_PATH)), "-p", str(folder), "-c", str(configuration)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        stack.callback(nginx.wait)
        stack.callback(nginx.terminate)
        for port in (plain, tls):
            _await_port(port, nginx, folder / "error.log")
        yield Server(f"http://127.0.0.1:{plain}", f"https://127.0.0.1:{tls}", folder / "server.pem")


def free_ports(count: int) -> list[int]:
    """Free ports of loopback."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]


# Debian has nginx and mkfs in folders that only root's PATH includes.
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


def _certify(folder: Path) -> None:
    """Create a self-signed certificate for 127.0.0.1."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "30"),
            *("-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem")),
        ],
        check=True,
        capture_output=True,
    )


def _await_port(port: int, nginx: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and nginx.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    said = log.read_text() if log.exists() else "nothing"
    raise RuntimeError(f"nginx did not listen on port {port} within {START_SECONDS} s; its log: {said}")
