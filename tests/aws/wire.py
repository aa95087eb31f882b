"""Properties as they cross the wire, to and from plain values: secrets are unwrapped and wrapped again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime import rpc

SIGNATURE = rpc._special_sig_key
SECRET = rpc._special_secret_sig
OUTPUT = rpc._special_output_value_sig
RESOURCE = rpc._special_resource_sig


def plain(struct: struct_pb2.Struct) -> tuple[dict[str, Any], set[str]]:
    """Values of a struct, and the names of those that are secret or hold a secret."""
    values = json_format.MessageToDict(struct)
    secrets = {key for key, value in values.items() if secret(value)}
    return {key: opened(value) for key, value in values.items()}, secrets


def packed(values: Mapping[str, Any], secrets: Iterable[str] = ()) -> struct_pb2.Struct:
    """The other way round."""
    hidden = set(secrets)
    struct = struct_pb2.Struct()
    struct.update(
        {
            key: {SIGNATURE: SECRET, "value": value} if key in hidden else value
            for key, value in values.items()
            if value is not None
        }
    )
    return struct


def secret(value: Any) -> bool:
    """Whether a value is secret or holds a secret."""
    if isinstance(value, dict):
        if value.get(SIGNATURE) == SECRET or (value.get(SIGNATURE) == OUTPUT and value.get("secret")):
            return True
        return any(secret(inner) for inner in value.values())
    return isinstance(value, list) and any(secret(inner) for inner in value)


def opened(value: Any) -> Any:
    """A value without its wrappings: secrets in clear, resources as their ids, whole numbers without a point."""
    if isinstance(value, dict):
        signature = value.get(SIGNATURE)
        if signature == SECRET:
            return opened(value["value"])
        if signature == OUTPUT:
            return opened(value["value"]) if "value" in value else rpc.UNKNOWN
        if signature == RESOURCE:
            return value.get("id") or rpc.UNKNOWN
        if signature is not None:
            raise ValueError("assets and archives are no part of any resource that the stand-in knows")
        return {key: opened(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [opened(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
