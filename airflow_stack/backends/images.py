"""Which images a stack runs, and what each is built of.

An image's tag is a hash of everything that goes into it. The same inputs have the same tag on every machine, a
changed input makes a new image, and the containers that use it follow; nothing else does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airflow_stack import __version__
from airflow_stack.backends.machine import Machine, Origin
from airflow_stack.config import AwsConfig, LocalConfig, StackConfig

REPOSITORY = "airflow-stack"

UPSTREAM = {
    "postgres": "postgres:14.13-bookworm",
    "redis": "redis:7.2-bookworm",
    "proxy": "nginx:1.27.1-bookworm",
    "docker-socket-proxy": "haproxy:3.0-bookworm",
}

SUITE = "bookworm"
"""Debian's release, below all images of origin ``debian`` but Airflow's."""
SUITES = {"3.11": SUITE, "3.13": "trixie"}
"""By Airflow's Python, the release of Debian that has it."""


# Of the project directory; logs are not code.
PROJECT_FOLDERS = ("config", "dags", "plugins")


@dataclass(frozen=True)
class Image:
    """One image: its context below images/, the base it stands on, and its tag."""

    name: str
    context: Path
    tag: str
    args: dict[str, str]
    base: Image | None = None
    """Built before this one; None where the base is an upstream image."""
    folders: dict[str, Path] = field(default_factory=dict)
    """Folders of the user's that are in the context too, by their path there."""

    def plain(self) -> dict[str, Any]:
        """In JSON's types, for another process; `of` reads it."""
        base = self.base.plain() if self.base else None
        folders = {name: str(path) for name, path in self.folders.items()}
        return {"name": self.name, "context": str(self.context), "tag": self.tag, "args": self.args, "base": base,
                "folders": folders}  # fmt: skip

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Image:
        """The image that `plain` has written."""
        base = plain.get("base")
        context, args = Path(plain["context"]), dict(plain["args"])
        folders = {name: Path(path) for name, path in plain["folders"].items()}
        return cls(plain["name"], context, plain["tag"], args, cls.of(base) if base else None, folders)


def images(config: LocalConfig, machine: Machine) -> dict[str, Image]:
    """The images that this stack needs, by name."""
    names = ["airflow", "proxy"]
    if config.database.kind == "container":
        names.append("postgres")
    if config.celery and config.broker.kind == "container":
        names.append("redis")
    if config.docker_socket_proxy.enabled:
        names.append("docker-socket-proxy")
    return {name: image(name, config, machine.program, machine.origin) for name in sorted(names)}


def project_image(config: AwsConfig, program: Path) -> Image:
    """The image of all tasks on AWS: the local stack's, with the project's folders in it, since none is shared there.

    Whatever the processor, its tag is that of its content.
    """
    base = image("airflow", config, program, config.target.image_origin)
    project = (program / Path(config.target.project_dir).expanduser()).resolve()
    folders = {f"project/{name}": project / name for name in PROJECT_FOLDERS if (project / name).is_dir()}
    return _tagged("project", program / "images" / "project", {"BASE": base.tag}, base, __version__, folders)


def rehearsal_image(config: AwsConfig, program: Path) -> Image:
    """moto, on the Python of the stack's own image."""
    base = image("airflow", config, program, config.target.image_origin)
    return _tagged("rehearsal", program / "images" / "rehearsal", {"BASE": base.tag}, base, __version__)


def image(name: str, config: StackConfig, program: Path, origin: Origin) -> Image:
    """The image of one folder of images/, on a base of this origin."""
    version = config.airflow.version
    base = _debian_base(name, config, program) if origin == "debian" else None
    args = {"BASE": base.tag if base else upstream(name, config)}
    if name == "airflow":
        args |= {
            "AIRFLOW_VERSION": version,
            "EXTRA_APT_PACKAGES": " ".join(sorted(config.airflow.extra_apt_packages)),
            "EXTRA_REQUIREMENTS": " ".join(sorted(config.airflow.extra_requirements)),
        }
    return _tagged(name, program / "images" / name, args, base, version)


def _debian_base(name: str, config: StackConfig, program: Path) -> Image:
    python = config.airflow.release.python
    airflow = name == "airflow"
    args = {"DEBIAN": debian_root(SUITES[python] if airflow else SUITE)} | ({"PYTHON": python} if airflow else {})
    return _tagged(f"debian-{name}", program / "images" / "debian" / name, args, None, __version__)


def debian_root(suite: str) -> str:
    """Debian's root file system, which images/debian/rootfs makes."""
    return f"{REPOSITORY}/debian:{suite}"


def upstream(name: str, config: StackConfig) -> str:
    """The published image that an image of origin ``registry`` stands on."""
    image = config.airflow.release.upstream_image if name == "airflow" else UPSTREAM[name]
    return f"{config.target.registry}/{image}" if config.target.registry else image


def _tagged(
    name: str,
    context: Path,
    args: dict[str, str],
    base: Image | None,
    version: str,
    folders: dict[str, Path] | None = None,
) -> Image:
    folders = folders or {}
    revision = _hash({"": context} | folders, args)
    tag = f"{REPOSITORY}/{name}:{version + '-' if name == 'airflow' else ''}{revision}"
    labels = {"REVISION": revision, "VERSION": version if name == "airflow" else __version__}
    return Image(name, context, tag, args | labels, base, folders)


def _hash(roots: dict[str, Path], args: dict[str, str]) -> str:
    """Hash of the context's files, their modes and the build arguments, in 12 hex digits."""
    digest = hashlib.sha256()
    for name, root in sorted(roots.items()):
        for path in sorted(p for p in root.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            relative = Path(name, path.relative_to(root)).as_posix()
            executable = os.access(path, os.X_OK)
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{relative}\0{executable}\0{content}\n".encode())
    for key, value in sorted(args.items()):
        digest.update(f"{key}={value}\n".encode())
    return digest.hexdigest()[:12]
