"""Every secret of a deployment: how it is generated, and the file in which a container finds it.

A secret reaches a container as a file below ``/run/secrets``, never as an environment variable: neither
``docker inspect`` nor a process list shows one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

from airflow_stack.config import StackConfig

DIRECTORY = "/run/secrets"

# How long generated passwords are, in characters; letters and digits alone, so that no URL or file needs escapes.
PASSWORD_LENGTH = 32
FERNET_BYTES = 32


@dataclass(frozen=True)
class GeneratedSecret:
    """A secret that is generated once where the user sets none."""

    key: str
    kind: Literal["password", "fernet"] = "password"


def generated(config: StackConfig) -> tuple[GeneratedSecret, ...]:
    """The secrets that this deployment needs and that can be generated."""
    keys = ["webserver_secret_key", "internal_api_secret_key"]
    if config.creates_admin:
        keys.append("admin_password")
    if config.database.kind == "container":
        keys.append("postgres_password")
    if config.database.kind in ("container", "rds"):
        keys.append("airflow_database_password")
    if config.celery and config.broker.kind in ("container", "elasticache"):
        keys.append("redis_password")
    if config.flower.enabled:
        keys.append("flower_password")
    return (GeneratedSecret("fernet_key", "fernet"), *(GeneratedSecret(key) for key in sorted(keys)))


def fernet_key(random_base64: str) -> str:
    """A Fernet key from 32 random bytes in standard base64: the same bytes, URL-safe."""
    return base64.urlsafe_b64encode(base64.b64decode(random_base64)).decode("ascii")


@dataclass(frozen=True)
class Servers:
    """Host and port of the stack's own servers, as ``host:port``; of no use where the server is an external one."""

    database: str = ""
    broker: str = ""


def files(config: StackConfig, values: Mapping[str, str], servers: Servers) -> dict[str, str]:
    """Contents of all secret files, by file name.

    ``values`` holds the secrets by config key, given and generated. Connection strings are made of them here, so that
    no address is written twice.
    """
    contents = {
        key: values[key]
        for key in ("fernet_key", "webserver_secret_key", "internal_api_secret_key")
    }  # fmt: skip
    for key in ("admin_password", "postgres_password", "airflow_database_password", "redis_password"):
        if key in values:
            contents[key] = values[key]
    database = database_url(config, values, servers)
    contents["sql_alchemy_conn"] = database
    if config.celery:
        contents["celery_result_backend"] = f"db+{database}"
        if config.broker.kind != "sqs":
            contents["broker_url"] = _broker_url(config, values, servers)
    if config.flower.enabled:
        contents["flower_basic_auth"] = f"{config.admin.username}:{values['flower_password']}"
    if config.secrets_backend is not None:
        contents["secrets_backend_kwargs"] = values.get("secrets_backend_kwargs", "{}")
    return contents


def _broker_url(config: StackConfig, values: Mapping[str, str], servers: Servers) -> str:
    if config.broker.kind == "external":
        return values["broker_url"]
    password = quote(values["redis_password"], safe="")
    if config.broker.kind == "elasticache":
        return f"rediss://:{password}@{servers.broker}/0?ssl_cert_reqs=required"
    return f"redis://:{password}@{servers.broker}/0"


def database_url(config: StackConfig, values: Mapping[str, str], servers: Servers) -> str:
    """SQLAlchemy's URL of the metadata database, with the driver that the image holds."""
    if config.database.kind != "external":
        password = quote(values["airflow_database_password"], safe="")
        # RDS refuses a connection without TLS too: rds.force_ssl.
        tls = "?sslmode=require" if config.database.kind == "rds" else ""
        return f"postgresql+psycopg2://{config.database.user}:{password}@{servers.database}/{config.database.name}{tls}"
    scheme, _, rest = values["database_url"].partition("://")
    driver = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}.get(scheme, scheme)
    return f"{driver}://{rest}"


def fingerprint(names: tuple[str, ...], contents: Mapping[str, str]) -> str:
    """Changes when one of these files does, and tells nothing of it: keyed with the Fernet key, which nobody sees.

    A container carries it as a label, so that it is replaced when a secret that it has read changes.
    """
    text = "\0".join(f"{name}\0{contents[name]}" for name in sorted(names))
    return hmac.new(contents["fernet_key"].encode(), text.encode(), hashlib.sha256).hexdigest()[:16]
