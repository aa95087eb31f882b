"""Which images a local stack runs, and what each is built of.

An image's tag is a hash of everything that goes into it. The same inputs have the same tag on every machine, a
changed input makes a new image, and the containers that use it follow; nothing else does.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from airflow_stack import __version__
from airflow_stack.airflow.versions import VERSIONS
from airflow_stack.backends.machine import Machine
from airflow_stack.config import StackConfig

REPOSITORY = "airflow-stack"

UPSTREAM = {
    "postgres": "postgres:14.13-bookworm",
    "redis": "redis:7.2-bookworm",
    "proxy": "nginx:1.27.1-bookworm",
    "docker-socket-proxy": "haproxy:3.0-bookworm",
}

# The Debian root file system below all images of origin ``debian``; images/debian/rootfs makes it.
DEBIAN_ROOT = f"{REPOSITORY}/debian:bookworm"


@dataclass(frozen=True)
class Image:
    """One image: its context below images/, the base it stands on, and its tag."""

    name: str
    context: Path
    tag: str
    args: dict[str, str]
    base: Image | None = None
    """Built before this one; None where the base is an upstream image."""


def images(config: StackConfig, machine: Machine) -> dict[str, Image]:
    """The images that this stack needs, by name."""
    names = ["airflow", "proxy"]
    if config.database.kind == "container":
        names.append("postgres")
    if config.celery and config.broker.kind == "container":
        names.append("redis")
    if config.docker_socket_proxy.enabled:
        names.append("docker-socket-proxy")
    return {name: _image(name, config, machine) for name in sorted(names)}


def _image(name: str, config: StackConfig, machine: Machine) -> Image:
    version = config.airflow.version
    base = _debian_base(name, machine) if machine.origin == "debian" else None
    args = {"BASE": base.tag if base else upstream(name, config)}
    if name == "airflow":
        args |= {
            "AIRFLOW_VERSION": version,
            "EXTRA_APT_PACKAGES": " ".join(sorted(config.airflow.extra_apt_packages)),
            "EXTRA_REQUIREMENTS": " ".join(sorted(config.airflow.extra_requirements)),
        }
    return _tagged(name, machine.program / "images" / name, args, base, version)


def _debian_base(name: str, machine: Machine) -> Image:
    context = machine.program / "images" / "debian" / name
    return _tagged(f"debian-{name}", context, {"DEBIAN": DEBIAN_ROOT}, None, "bookworm")


def upstream(name: str, config: StackConfig) -> str:
    """The published image that an image of origin ``registry`` stands on."""
    image = VERSIONS[config.airflow.version].upstream_image if name == "airflow" else UPSTREAM[name]
    return f"{config.target.registry}/{image}" if config.target.registry else image


def _tagged(name: str, context: Path, args: dict[str, str], base: Image | None, version: str) -> Image:
    revision = _hash(context, args)
    tag = f"{REPOSITORY}/{name}:{version + '-' if name == 'airflow' else ''}{revision}"
    labels = {"REVISION": revision, "VERSION": version if name == "airflow" else __version__}
    return Image(name, context, tag, args | labels, base)


def _hash(context: Path, args: dict[str, str]) -> str:
    """Hash of the context's files, their modes and the build arguments, in 12 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(p for p in context.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
        relative = path.relative_to(context).as_posix()
        executable = os.access(path, os.X_OK)
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{relative}\0{executable}\0{content}\n".encode())
    for key, value in sorted(args.items()):
        digest.update(f"{key}={value}\n".encode())
    return digest.hexdigest()[:12]
