"""Every secret of a deployment: how it is generated, and the file in which a container finds it.

A secret reaches a container as a file below ``/run/secrets``, never as an environment variable: neither
``docker inspect`` nor a process list shows one.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from urllib.parse import quote, urlsplit

from airflow_stack.config import StackConfig

DIRECTORY = "/run/secrets"

FERNET = "fernet_key"

# How long generated passwords are, in characters; letters and digits alone, so that no URL or file needs escapes.
PASSWORD_LENGTH = 32


@dataclass(frozen=True)
class GeneratedSecret:
    """A secret that is generated once where the user sets none."""

    key: str
    length: int = PASSWORD_LENGTH
    """Random letters and digits of which it is made."""

    def value(self, random: str) -> str:
        """The secret, made of random letters and digits."""
        return fernet_key(random) if self.key == FERNET else random


def generated(config: StackConfig) -> tuple[GeneratedSecret, ...]:
    """The secrets that this deployment needs and that can be generated."""
    lengths = dict(config.airflow.release.generated)
    passwords = {
        "admin_password": config.creates_admin,
        "postgres_password": config.database.kind == "container",
        "airflow_database_password": config.database.kind in ("container", "rds"),
        "redis_password": config.celery and config.broker.kind in ("container", "elasticache"),
        "flower_password": config.monitored,
    }
    lengths |= {key: PASSWORD_LENGTH for key, needed in passwords.items() if needed}
    return tuple(GeneratedSecret(key, lengths[key]) for key in sorted(lengths, key=lambda key: (key != FERNET, key)))


def fernet_key(random: str) -> str:
    """A Fernet key, 32 bytes in URL-safe base64, from a text with at least as much chance in it."""
    return base64.urlsafe_b64encode(hashlib.sha256(random.encode()).digest()).decode("ascii")


# What a file may be made of beside secrets: addresses of the stack's own servers, as ``host:port``.
DATABASE_SERVER = "database_server"
BROKER_SERVER = "broker_server"


@dataclass(frozen=True)
class Recipe:
    """How the content of one secret file is made."""

    sources: tuple[str, ...]
    """What it is made of, and nothing else: config keys of secrets, DATABASE_SERVER, BROKER_SERVER."""
    content: Callable[[Mapping[str, str]], str]
    """The content, from the values of its sources."""


def recipes(config: StackConfig) -> dict[str, Recipe]:
    """Every secret file of this deployment, by name.

    Connection strings are made here, so that no address is written twice.
    """
    keys = [secret.key for secret in generated(config) if secret.key != "flower_password"]
    made = {key: Recipe((key,), itemgetter(key)) for key in keys}
    release = config.airflow.release
    made["sql_alchemy_conn"] = database = _database_url(config)
    if "sql_alchemy_conn_async" in release.secret_options:
        made["sql_alchemy_conn_async"] = Recipe(database.sources, lambda values: _async(database.content(values)))
    if config.celery:
        if config.broker.kind != "sqs":
            made["broker_url"] = _broker_url(config)
        made["celery_result_backend"] = (
            Recipe(made["broker_url"].sources, lambda values: _results_url(made["broker_url"].content(values)))
            if release.results == "broker"
            else Recipe(database.sources, lambda values: f"db+{database.content(values)}")
        )
    if config.monitored:
        made["flower_basic_auth"] = Recipe(
            ("flower_password",), lambda values: f"{config.admin.username}:{values['flower_password']}"
        )
    if config.lookup_class is not None:
        key = "secrets_backend_kwargs"
        made[key] = Recipe((key,), lambda values: values.get(key, "{}"))
    return made


def files(config: StackConfig, values: Mapping[str, str], servers: Mapping[str, str]) -> dict[str, str]:
    """Contents of all secret files, by file name.

    ``values`` holds the secrets by config key, given and generated; ``servers`` the addresses of the stack's own.
    """
    known = {**values, **servers}
    return {name: recipe.content(known) for name, recipe in recipes(config).items()}


def _broker_url(config: StackConfig) -> Recipe:
    if config.broker.kind == "external":
        return Recipe(("broker_url",), itemgetter("broker_url"))

    def content(values: Mapping[str, str]) -> str:
        password = quote(values["redis_password"], safe="")
        if config.broker.kind == "elasticache":
            return f"rediss://:{password}@{values[BROKER_SERVER]}/0?ssl_cert_reqs=required"
        return f"redis://:{password}@{values[BROKER_SERVER]}/0"

    return Recipe(("redis_password", BROKER_SERVER), content)


def _database_url(config: StackConfig) -> Recipe:
    """SQLAlchemy's URL of the metadata database, with the driver that the image holds."""
    database = config.database

    def own(values: Mapping[str, str]) -> str:
        password = quote(values["airflow_database_password"], safe="")
        # RDS refuses a connection without TLS too: rds.force_ssl.
        tls = "?sslmode=require" if database.kind == "rds" else ""
        return f"postgresql+psycopg2://{database.user}:{password}@{values[DATABASE_SERVER]}/{database.name}{tls}"

    def external(values: Mapping[str, str]) -> str:
        scheme, _, rest = values["database_url"].partition("://")
        driver = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}.get(scheme, scheme)
        return f"{driver}://{rest}"

    if database.kind == "external":
        return Recipe(("database_url",), external)
    return Recipe(("airflow_database_password", DATABASE_SERVER), own)


# The same server, and the driver by which Airflow's asynchronous code talks to it.
ASYNC_DRIVERS = {"postgresql+psycopg2": "postgresql+psycopg_async", "mysql+pymysql": "mysql+aiomysql"}


def _async(url: str) -> str:
    scheme, _, rest = url.partition("://")
    return f"{ASYNC_DRIVERS[scheme]}://{rest}"


def _results_url(broker: str) -> str:
    """The broker's Redis, in its second database: a queue's keys and results of tasks never share a name."""
    url = urlsplit(broker)
    return url._replace(path="/1").geturl()


def fingerprint(names: tuple[str, ...], contents: Mapping[str, str]) -> str:
    """Changes when one of these files does, and tells nothing of it: keyed with the Fernet key, which nobody sees.

    A container carries it as a label, so that it is replaced when a secret that it has read changes.
    """
    text = "\0".join(f"{name}\0{contents[name]}" for name in sorted(names))
    return hmac.new(contents["fernet_key"].encode(), text.encode(), hashlib.sha256).hexdigest()[:16]
