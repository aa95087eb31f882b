"""JSON Schema of the stack files, so that editors complete and check them."""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.secrets import Secrets
from airflow_stack.config.stack import KINDS, LOCAL_ONLY, StackConfig


def schema() -> dict[str, Any]:
    """Schema of ``Pulumi.<stack>.yaml``: our keys, encrypted secrets, and whatever other providers' keys there are."""
    model = StackConfig.model_json_schema(ref_template="#/$defs/{model}")
    for name in ("RdsDatabase", "SqsBroker"):  # where the target is AWS, the kind that needs no name
        model["$defs"][name]["required"].remove("kind")
    properties = {f"{NAMESPACE}:{key}": _as_pulumi_writes(value) for key, value in model["properties"].items()}
    for key in KINDS["aws"]:  # said by target, below
        properties[f"{NAMESPACE}:{key}"] = {"description": model["properties"][key]["description"]}
    for key, field in Secrets.model_fields.items():
        properties[f"{NAMESPACE}:{key}"] = {"description": field.description, "$ref": "#/$defs/Secret"}
    secret = {
        "type": "object",
        "properties": {"secure": {"type": "string"}},
        "required": ["secure"],
        "additionalProperties": False,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "airflow-stack stack file",
        "type": "object",
        "properties": {
            "config": {
                "type": ["object", "null"],
                "properties": properties,
                "patternProperties": {f"^(?!{NAMESPACE}:)[^:]+:.+$": {}},
                "additionalProperties": False,
                "if": {
                    "required": [TARGET],
                    "properties": {TARGET: {"required": ["kind"], "properties": {"kind": {"const": "aws"}}}},
                },
                "then": {"properties": _of_target("aws", model) | _local_only()},
                "else": {"properties": _of_target("local", model)},
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "additionalProperties": False,
        "$defs": model["$defs"] | {"Secret": secret},
    }


TARGET = f"{NAMESPACE}:target"


def _of_target(target: str, model: dict[str, Any]) -> dict[str, Any]:
    """Database and broker as this target has them."""
    found = {}
    for key, kinds in KINDS[target].items():
        mapping = model["properties"][key]["discriminator"]["mapping"]
        references = {kind: {"$ref": mapping[kind]} for kind in kinds}
        named = {
            "if": {"required": ["kind"]},
            "then": {"oneOf": list(references.values())},
            "else": references[kinds[0]],
        }
        found[f"{NAMESPACE}:{key}"] = {"type": "object"} | named
    return found


def _local_only() -> dict[str, Any]:
    """Keys that an AWS stack must not have."""
    found: dict[str, Any] = {f"{NAMESPACE}:flower": False}
    for key in LOCAL_ONLY:
        section, _, name = key.partition(".")
        if name:
            place = found.setdefault(f"{NAMESPACE}:{section}", {"properties": {}})
            place["properties"][name] = False
        else:
            found[f"{NAMESPACE}:{section}"] = False
    return found


def _as_pulumi_writes(value: dict[str, Any]) -> dict[str, Any]:
    """`pulumi config set` without --path writes true as a text."""
    if value.get("type") != "boolean":
        return value
    return {key: text for key, text in value.items() if key != "type"} | {"enum": [True, False, "true", "false"]}


def render() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
