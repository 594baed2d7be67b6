"""Third-party images for the tests: from their registry, or built from programs of Debian packages."""

import subprocess
import tempfile
from pathlib import Path

from docker_system import docker

CADDY, REGISTRY = "caddy:2", "registry:2"
_PROGRAMS = {CADDY: ("caddy", "usr/bin/caddy"), REGISTRY: ("docker-registry", "usr/bin/docker-registry")}


def image(name):
    """The name of an image that can be started."""
    ours = f"airnub-test/{name}"
    for known in (name, ours):
        if docker("image", "inspect", known, check=False).returncode == 0:
            return known
    if docker("pull", "--quiet", name, check=False).returncode == 0:
        return name
    package, program = _PROGRAMS[name]
    with tempfile.TemporaryDirectory() as folder:
        # For `wget`, which the image of Caddy has, too.
        for one in (package, "busybox-static"):
            command = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", one]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        for file in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(file), f"{folder}/root"], check=True, capture_output=True)
        # `caddy` in the real image requires a capability; this one starts without it.
        text = (
            "FROM debian:trixie-slim\n"
            f"COPY root/{program} /usr/bin/\nCOPY root/bin/busybox /usr/bin/wget\n"
            f'CMD ["/{program}", "serve", "/etc/docker/registry/config.yml"]\n'
        )
        Path(folder, "Dockerfile").write_text(text)
        docker("build", "--quiet", "--tag", ours, folder)
    return ours
