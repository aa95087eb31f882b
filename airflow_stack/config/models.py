"""One model by target, and which of them a config means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_stack.config.aws import AwsConfig
from airflow_stack.config.local import LocalConfig

AnyConfig = LocalConfig | AwsConfig

MODELS: dict[str, type[LocalConfig] | type[AwsConfig]] = {"local": LocalConfig, "aws": AwsConfig}
"""By ``target.kind``, the one that it is by default first."""


def model_of(raw: Any) -> type[LocalConfig] | type[AwsConfig]:
    """The one that a config means, whatever else is wrong with it."""
    target = raw.get("target") if isinstance(raw, Mapping) else None
    kind = target.get("kind") if isinstance(target, Mapping) else None
    return MODELS.get(kind, LocalConfig) if isinstance(kind, str) else LocalConfig


def validated(raw: Any) -> AnyConfig:
    """The model of a config. Raises Pydantic's ValidationError."""
    return model_of(raw).model_validate(raw)
