"""JSON Schema of the stack files, so that editors complete and check them."""

from __future__ import annotations

import json
from typing import Any

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.secrets import Secrets
from airflow_stack.config.stack import StackConfig


def schema() -> dict[str, Any]:
    """Schema of ``Pulumi.<stack>.yaml``: our keys, encrypted secrets, and whatever other providers' keys there are."""
    model = StackConfig.model_json_schema(ref_template="#/$defs/{model}")
    properties = {f"{NAMESPACE}:{key}": _as_pulumi_writes(value) for key, value in model["properties"].items()}
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
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "additionalProperties": False,
        "$defs": model["$defs"] | {"Secret": secret},
    }


def _as_pulumi_writes(value: dict[str, Any]) -> dict[str, Any]:
    """`pulumi config set` without --path writes true as a text."""
    if value.get("type") != "boolean":
        return value
    return {key: text for key, text in value.items() if key != "type"} | {"enum": [True, False, "true", "false"]}


def render() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
