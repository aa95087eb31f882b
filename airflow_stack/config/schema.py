"""JSON Schema of the stack files, so that editors complete and check them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from airflow_stack.config.errors import NAMESPACE
from airflow_stack.config.models import MODELS
from airflow_stack.config.secrets import Secrets


def schema() -> dict[str, Any]:
    """Schema of ``Pulumi.<stack>.yaml``: our keys, encrypted secrets, and whatever other providers' keys there are."""
    _, found = models_json_schema([(model, "validation") for model in MODELS.values()])
    definitions = found["$defs"]
    of_target = {kind: _keys(definitions.pop(model.__name__), definitions) for kind, model in MODELS.items()}
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
                # Which of the two an editor goes by. It offers both, whichever the file has.
                "properties": {TARGET: {"properties": {"kind": {"enum": list(MODELS)}}}},
                "if": {
                    "required": [TARGET],
                    "properties": {TARGET: {"required": ["kind"], "properties": {"kind": {"const": "aws"}}}},
                },
                "then": of_target["aws"],
                "else": of_target["local"],
            },
            "encryptionsalt": {"type": "string"},
            "encryptedkey": {"type": "string"},
            "secretsprovider": {"type": "string"},
        },
        "additionalProperties": False,
        "$defs": definitions | {"Secret": secret},
    }


TARGET = f"{NAMESPACE}:target"


def _keys(model: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """What stands under ``config`` for one target."""
    properties = {
        f"{NAMESPACE}:{key}": _of_some_kind(_as_pulumi_writes(value), definitions)
        for key, value in model["properties"].items()
    }
    for key, field in Secrets.model_fields.items():
        properties[f"{NAMESPACE}:{key}"] = {"description": field.description, "$ref": "#/$defs/Secret"}
    return {
        "properties": properties,
        "patternProperties": {f"^(?!{NAMESPACE}:)[^:]+:.+$": {}},
        "additionalProperties": False,
    }


def _of_some_kind(value: dict[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A section without a kind is of the one that needs no name, and of no other: so an editor speaks of that alone."""
    if "discriminator" not in value:
        return value
    own = next(one for one in value["oneOf"] if "kind" not in _defined(one, definitions).get("required", ()))
    return {
        "description": value["description"],
        "type": "object",
        "if": {"required": ["kind"]},
        "then": {"oneOf": value["oneOf"]},
        "else": own,
    }


def _defined(reference: Mapping[str, str], definitions: Mapping[str, Any]) -> Any:
    return definitions[reference["$ref"].removeprefix("#/$defs/")]


def _as_pulumi_writes(value: dict[str, Any]) -> dict[str, Any]:
    """`pulumi config set` without --path writes true as a text."""
    if value.get("type") != "boolean":
        return value
    return {key: text for key, text in value.items() if key != "type"} | {"enum": [True, False, "true", "false"]}


def render() -> str:
    """The schema as the committed file holds it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
