"""A Docker engine that is made up: containers, networks and volumes, found and removed as by docker-py."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from docker.errors import NotFound

from airflow_stack.backends.labels import DIRECTORY, ID, MANAGED_BY, SERVICE, STACK


@dataclass
class Engine:
    """`entries` by kind and name, each as the engine's listing has it."""

    entries: dict[str, dict[str, dict[str, Any]]] = field(
        default_factory=lambda: {"container": {}, "network": {}, "volume": {}}
    )

    def container(
        self, name: str, labels: Mapping[str, str], mounts: Mapping[str, str] | None = None, network: str = ""
    ) -> None:
        """``mounts``: a path of the host, or the name of a volume, by the path in the container."""
        self.entries["container"][name] = {
            "Id": f"id-of-{name}",
            "Names": [f"/{name}"],
            "Name": f"/{name}",
            "Labels": dict(labels),
            "Config": {"Labels": dict(labels)},
            "State": {"Status": "running"},
            "HostConfig": {"PortBindings": {}, "Memory": 1024**3},
            "Mounts": [
                {"Destination": target, "Source": source} | ({} if source.startswith("/") else {"Name": source})
                for target, source in (mounts or {}).items()
            ],
            "NetworkSettings": {"Networks": {network: {}} if network else {}},
        }

    def network(self, name: str, labels: Mapping[str, str]) -> None:
        self.entries["network"][name] = {"Id": f"id-of-{name}", "Name": name, "Labels": dict(labels)}

    def volume(self, name: str, labels: Mapping[str, str] | None) -> None:
        self.entries["volume"][name] = {"Name": name, "Labels": labels}

    def names(self) -> set[str]:
        return {name for entries in self.entries.values() for name in entries}

    # --- docker-py's names ------------------------------------------------------------------------------------------

    @property
    def api(self) -> Any:
        return SimpleNamespace(
            containers=lambda filters, **_: self._listed("container", filters["label"]),
            networks=self._networks,
            volumes=lambda filters: {"Volumes": self._listed("volume", filters["label"]) or None},
        )

    @property
    def containers(self) -> Any:
        running = lambda **_: [self._get("container", name) for name in self.entries["container"]]  # noqa: E731
        return SimpleNamespace(get=lambda key: self._get("container", key), list=running)

    @property
    def networks(self) -> Any:
        return SimpleNamespace(get=lambda key: self._get("network", key))

    @property
    def volumes(self) -> Any:
        return SimpleNamespace(get=lambda key: self._get("volume", key))

    def info(self) -> dict[str, Any]:
        return {"MemTotal": 64 * 1024**3, "DockerRootDir": "/nowhere"}

    def _listed(self, kind: str, label: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries[kind].values() if label in (entry["Labels"] or {})]

    def _networks(self, names: list[str] | None = None, filters: dict[str, str] | None = None) -> list[dict[str, Any]]:
        if names is not None:  # a part of the name will do
            return [entry for name, entry in self.entries["network"].items() if names[0] in name]
        assert filters is not None
        return self._listed("network", filters["label"])

    def _get(self, kind: str, key: str) -> Any:
        for name, entry in self.entries[kind].items():
            if key in (name, entry.get("Id")):
                return SimpleNamespace(
                    id=entry.get("Id"), name=name, labels=entry["Labels"], attrs=entry, stop=lambda **_: None,
                    remove=partial(self._remove, kind, name),
                )  # fmt: skip
        raise NotFound(key)

    def _remove(self, kind: str, name: str, **_: Any) -> None:
        del self.entries[kind][name]


def put_up(
    engine: Engine, program: Path, stack: str, prefix: str = "", known: str = "", tool: str = "compose"
) -> set[str]:
    """A small stack that is up, with its labels: of a version without ids where ``known`` is empty. Its names."""
    before = engine.names()
    name, network = (f"{prefix}-af-", f"{prefix}-airflow") if prefix else ("af-", "airflow")
    place = {DIRECTORY: str(program), ID: known} if known else {}
    secrets = program / ".airflow-stack" / stack / "secrets"
    for service in ("postgres", "init", "scheduler", "proxy"):
        mounts = {} if service == "proxy" else {"/run/secrets/fernet_key": f"{secrets}/fernet_key"}
        if service == "postgres":
            mounts["/var/lib/postgresql/data"] = f"{name}postgres-data"
        labels = {STACK: stack, SERVICE: service, MANAGED_BY: tool} | place
        engine.container(f"{name}{service}", labels, mounts, network)
    engine.network(network, {STACK: stack} | place)
    # Volumes had the directory before there were ids.
    engine.volume(f"{name}postgres-data", {STACK: stack, DIRECTORY: str(program)} | place)
    return engine.names() - before
