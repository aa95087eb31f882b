"""What `docker inspect` says of a container, without what is never the same twice."""

from __future__ import annotations

import re
from typing import Any

# Never the same twice, whoever creates the container.
PASSING = {"Id", "Created", "State", "RestartCount", "GraphDriver", "LogPath", "ResolvConfPath", "HostnamePath",
           "HostsPath", "SandboxID", "SandboxKey", "EndpointID", "NetworkID", "Gateway", "IPAddress", "IPPrefixLen",
           "MacAddress", "DNSNames", "ExecIDs"}  # fmt: skip

# Two ways to write one thing: how each tool says "nothing" or "the default". Nothing else may differ.
TOLERATED = {
    "HostConfig.ConsoleSize": "the size of a terminal that no container of ours has",
    "HostConfig.MemoryReservation": "0 by either, absent by some",
}


def comparable(entry: dict[str, Any]) -> dict[str, Any]:
    """One value a path, such as ``HostConfig.Memory``; what is empty in any way (null, [], {}, "", 0) is left out."""
    flat: dict[str, Any] = {}
    _flatten("", entry, flat, entry["Id"])
    return flat


def _flatten(path: str, value: Any, flat: dict[str, Any], container_id: str) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in PASSING and key != "Labels":
                _flatten(f"{path}.{key}" if path else key, inner, flat, container_id)
    elif path not in TOLERATED and value not in (None, [], "", 0, False):
        flat[path] = _canonical(path, value, container_id)


def _canonical(path: str, value: Any, container_id: str) -> Any:
    if path.endswith(".Aliases"):  # each container has its own id as an alias
        return sorted(alias for alias in value if alias != container_id[:12])
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        ordered = path in ("Args", "Config.Cmd", "Config.Entrypoint", "Config.Healthcheck.Test")
        return value if ordered else sorted(value)
    if path == "Mounts":
        # Anonymous volumes have a random name.
        return sorted(
            str({key: re.sub(r"[0-9a-f]{64}", "ANONYMOUS", str(item)) for key, item in mount.items()})
            for mount in value
        )
    return value
