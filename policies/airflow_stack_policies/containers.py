"""Task definitions: no secret that everybody can read, and no image that may be another one tomorrow."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_stack_policies.rule import UNKNOWN, Props, Rule, as_list

TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"

SECRET_NAME = re.compile(r"PASSW(OR)?D|SECRET|TOKEN|CREDENTIAL|_KEY$|^KEY$|API_?KEY|PRIVATE_?KEY", re.IGNORECASE)
# A variable that says where a secret is found is none.
REFERENCES = {
    "_CMD": "Airflow runs the command, which reads a file",
    "_SECRET": "Airflow asks its secrets backend for this name",
}
# Airflow's section of this name holds class and names of a secrets backend; keys inside its JSON are looked at below.
NO_SECRET = re.compile(r"^AIRFLOW__SECRETS__(BACKEND|BACKEND_KWARGS|USE_CACHE|CACHE_TTL_SECONDS)$")
SECRET_VALUES = {
    "a URL with a password": re.compile(r"[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@", re.IGNORECASE),
    "an access key of AWS": re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
}

# Images of others beside Airflow, by the end of their names: pinned to a version. All other images: to a digest.
SIDE_IMAGES = ("aws-observability/aws-for-fluent-bit", "cloudwatch-agent/cloudwatch-agent")
DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
VERSION = re.compile(r"v?[0-9]+\.[0-9]+[A-Za-z0-9._-]*")


def containers(type_: str, props: Props) -> list[Mapping[str, Any]]:
    """The containers of a task definition; none where they are not known yet."""
    text = props.get("containerDefinitions")
    if type_ != TASK_DEFINITION or not isinstance(text, str):
        return []
    return [one for one in as_list(json.loads(text)) if isinstance(one, Mapping)]


def no_plain_secret(type_: str, props: Props) -> Iterable[str]:
    """Everybody who may describe a task definition reads its environment and its commands. No value is repeated."""
    for container in containers(type_, props):
        name = container.get("name")
        for variable in as_list(container.get("environment")):
            key, value = str(variable.get("name")), str(variable.get("value", ""))
            if value and (_is_secret_name(key) or _secret_keys(value)):
                yield f"container {name}: {key} is a secret in plain text: hand it over in `secrets`"
            yield from _in_value(f"container {name}: {key}", value)
        words = [*as_list(container.get("command")), *as_list(container.get("entryPoint"))]
        for word in words:
            yield from _in_value(f"container {name}: its command", str(word))


def _is_secret_name(name: str) -> bool:
    upper = name.upper()
    if NO_SECRET.match(upper) or (upper.startswith("AIRFLOW__") and upper.endswith(tuple(REFERENCES))):
        return False
    return bool(SECRET_NAME.search(upper))


def _secret_keys(value: str) -> bool:
    """Whether a value is JSON with a key that names a secret, such as a backend's ``aws_secret_access_key``."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return False
    return _has_secret(parsed)


def _has_secret(parsed: Any) -> bool:
    if isinstance(parsed, dict):
        return any(
            (bool(SECRET_NAME.search(key)) and bool(inner)) or _has_secret(inner) for key, inner in parsed.items()
        )
    return isinstance(parsed, list) and any(_has_secret(inner) for inner in parsed)


def _in_value(where: str, value: str) -> Iterable[str]:
    for what, pattern in SECRET_VALUES.items():
        if pattern.search(value):
            yield f"{where} holds {what}: hand it over in `secrets`"


def pinned_images(type_: str, props: Props) -> Iterable[str]:
    """What ran yesterday runs tomorrow: by digest, and for images of others by a version at the least."""
    for container in containers(type_, props):
        image = str(container.get("image", ""))
        if DIGEST.fullmatch(image):
            continue
        repository, _, tag = image.rpartition(":") if ":" in image.rpartition("/")[2] else (image, "", "")
        if not repository.endswith(SIDE_IMAGES):
            yield f"container {container.get('name')}: its image is not named by digest (@sha256:...)"
        elif not VERSION.fullmatch(tag):
            yield f"container {container.get('name')}: its image is not pinned to a version"
    if type_ == "aws:ecr/repository:Repository" and props.get("imageTagMutability") not in ("IMMUTABLE", UNKNOWN):
        yield "a tag of the repository may become another image: set imageTagMutability to IMMUTABLE"


RULES = (
    Rule("no-plain-secret", "No secret stands in a task definition in plain text.", no_plain_secret),
    Rule("pinned-images", "Own images are named by digest, others by a version.", pinned_images),
)
