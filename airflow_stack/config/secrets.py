"""The secrets of a stack: set by `pulumi config set --secret`, or generated once."""

from __future__ import annotations

import json
import re
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

_FERNET_KEY = re.compile(r"[A-Za-z0-9_-]{43}=")
_QUOTED = r"([A-Za-z0-9._~!$&'()*+,;=-]|%[0-9A-Fa-f]{2})*"
_USER_INFO = re.compile(f"{_QUOTED}(:{_QUOTED})?")
_PASSWORD = re.compile(r"[A-Za-z0-9._~!*+=-]{8,128}")
_URL_UNSAFE = "must be 8 to 128 letters, digits or -._~!*+="


def _password(value: SecretStr) -> SecretStr:
    """Passwords travel in URLs, config files and SQL: a plain alphabet keeps every one of them free of escapes."""
    if not _PASSWORD.fullmatch(value.get_secret_value()):
        raise ValueError(_URL_UNSAFE)
    return value


def _fernet_key(value: SecretStr) -> SecretStr:
    if not all(_FERNET_KEY.fullmatch(key) for key in value.get_secret_value().split(",")):
        raise ValueError(
            "must be a Fernet key, 32 bytes in URL-safe base64 (or several, comma-separated, newest first)"
        )
    return value


def _url(schemes: tuple[str, ...], what: str) -> AfterValidator:
    """A URL that every library here reads in the same way.

    One that they disagree on ends up in an error of theirs, with a part of its password for a host or a port.
    """
    rule = (
        f"must be the URL of {what}, with the password before the @; what in user and password is no letter, digit or"
        " -._~!*+= is written as %XX, such as %40 for @, %2F for / and %25 for %"
    )

    def check(value: SecretStr) -> SecretStr:
        text = value.get_secret_value()
        try:
            url = urlsplit(text)
            valid = url.scheme in schemes and bool(url.hostname) and (url.port is None or url.port > 0)
        except ValueError:
            raise ValueError(rule) from None
        user, at, _ = url.netloc.rpartition("@")
        valid &= text.isprintable() and " " not in text and text.count("@") == len(at) and not url.fragment
        valid &= bool(_USER_INFO.fullmatch(user))
        # A password there is one that no library hides.
        valid &= not any("password" in key.lower() for key, _ in parse_qsl(url.query, keep_blank_values=True))
        if not valid:
            raise ValueError(rule)
        return value

    return AfterValidator(check)


def _json_object(value: SecretStr) -> SecretStr:
    try:
        valid = isinstance(json.loads(value.get_secret_value()), dict)
    except (ValueError, RecursionError):
        valid = False
    if not valid:
        raise ValueError("must be a JSON object")
    return value


Password = Annotated[SecretStr, AfterValidator(_password)]

POSTGRESQL_SCHEMES = ("postgresql", "postgresql+psycopg2")
MYSQL_SCHEMES = ("mysql", "mysql+pymysql")


class Secrets(BaseModel):
    """Secrets that a user has set. What is None is generated, but for the URLs and the backend's parameters."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    admin_password: Password | None = Field(None, description="Password of the first user.")
    fernet_key: Annotated[SecretStr, AfterValidator(_fernet_key)] | None = Field(
        None, description="Key that encrypts connections and variables in the database."
    )
    webserver_secret_key: Password | None = Field(None, description="Signs the UI's sessions.")
    internal_api_secret_key: Password | None = Field(None, description="Signs calls between Airflow's components.")
    postgres_password: Password | None = Field(None, description="Password of PostgreSQL's superuser.")
    airflow_database_password: Password | None = Field(None, description="Password of Airflow's role in PostgreSQL.")
    redis_password: Password | None = Field(None, description="Password of Redis.")
    flower_password: Password | None = Field(None, description="Password of Flower.")
    database_url: (
        Annotated[SecretStr, _url((*POSTGRESQL_SCHEMES, *MYSQL_SCHEMES), "a PostgreSQL or MySQL database")] | None
    ) = Field(None, description="External database, with user and password.",
              examples=["postgresql://airflow:PASSWORD@db.example.com:5432/airflow"])  # fmt: skip
    broker_url: Annotated[SecretStr, _url(("redis", "rediss"), "a Redis server")] | None = Field(
        None, description="External broker.", examples=["rediss://:PASSWORD@redis.example.com:6379/0"]
    )
    oidc_client_secret: Annotated[SecretStr, Field(min_length=8, max_length=512)] | None = Field(
        None, description="Secret of the client that the load balancer is to the OpenID provider."
    )
    secrets_backend_kwargs: Annotated[SecretStr, AfterValidator(_json_object)] | None = Field(
        None,
        description="Parameters of the secrets backend.",
        examples=['{"connections_prefix": "airflow/connections"}'],
    )

    def given(self) -> dict[str, str]:
        """The values that are set, in clear, by key. For the backends only."""
        return {key: value.get_secret_value() for key in SECRET_KEYS if (value := getattr(self, key)) is not None}


SECRET_KEYS = tuple(Secrets.model_fields)
