"""``airflow-stack:airflow``: Airflow itself."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator

from airflow_stack.config.types import Email, Line, Section, Username

OptionValue = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool

# Set by the stack, which can't run with another value: where it is set instead.
ESSENTIAL_OPTIONS: dict[tuple[str, str], str] = {
    ("core", "executor"): "set airflow.executor",
    ("core", "fernet_key"): "set the secret fernet_key",
    ("core", "internal_api_secret_key"): "set the secret internal_api_secret_key",
    ("core", "load_examples"): "set airflow.load_examples",
    ("core", "dags_folder"): "dags is shared from the project directory: set target.project_dir",
    ("core", "plugins_folder"): "plugins is shared from the project directory: set target.project_dir",
    ("database", "sql_alchemy_conn"): "set database",
    ("database", "sql_alchemy_schema"): "set database",
    ("core", "sql_alchemy_conn"): "set database",
    ("celery", "broker_url"): "set broker",
    ("celery", "result_backend"): "set database",
    ("celery", "celery_config_options"): "the image's own module keeps tasks alive through restarts",
    ("celery", "worker_concurrency"): "set worker.concurrency",
    ("celery", "flower_url_prefix"): "set flower.url_prefix",
    ("celery", "flower_basic_auth"): "set the secret flower_password",
    ("celery", "flower_port"): "set flower.port",
    ("celery_broker_transport_options", "visibility_timeout"): "set broker.visibility_timeout",
    ("triggerer", "default_capacity"): "set triggerer.capacity",
    ("webserver", "secret_key"): "set the secret webserver_secret_key",
    ("webserver", "expose_config"): "set airflow.expose_config",
    ("webserver", "enable_proxy_fix"): "set proxy.proxy_fix",
    ("webserver", "web_server_port"): "set webserver.port, the port on the host",
    ("webserver", "workers"): "set webserver.workers",
    ("scheduler", "enable_health_check"): "the scheduler's probe needs it",
    ("scheduler", "scheduler_health_check_server_port"): "the scheduler's probe needs it",
    ("logging", "base_log_folder"): "logs is shared from the project directory: set target.project_dir",
    ("secrets", "backend"): "set secrets_backend.class_name",
    ("secrets", "backend_kwargs"): "set the secret secrets_backend_kwargs",
}

# Options that Airflow and the providers of the image call sensitive, beside the essential ones: their value would show
# in `docker inspect`. Airflow reads them through KEY_cmd and KEY_secret too.
SENSITIVE_OPTIONS: frozenset[tuple[str, str]] = frozenset(
    {
        ("celery_broker_transport_options", "sentinel_kwargs"),
        ("core", "dataset_manager_kwargs"),
        ("database", "sql_alchemy_engine_args"),
        ("logging", "remote_task_handler_kwargs"),
        ("sentry", "sentry_dsn"),
        ("smtp", "smtp_password"),
    }
)

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")
_VERSION = r"(==|~=|>=|<=|<|>|!=)[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(rf"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9._,-]+\])?({_VERSION}(,{_VERSION})*)?")
# To apt-get, a name that ends in - is one to remove.
_APT_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]*[a-z0-9+](=[A-Za-z0-9.+:~-]+)?")


def _requirement(value: str) -> str:
    match = _REQUIREMENT.fullmatch(value)
    if not match:
        raise ValueError("must be a package's name with an optional version, without spaces or URLs")
    if re.sub(r"[-_.]+", "-", match["name"]).lower() == "apache-airflow":
        raise ValueError("must be another package: apache-airflow itself is set by airflow.version")
    return value


def _apt_package(value: str) -> str:
    if not _APT_PACKAGE.fullmatch(value):
        raise ValueError("must be the name of a Debian package, with an optional =VERSION")
    return value


class AirflowConfig(Section):
    """Version, executor and options of Airflow."""

    version: Literal["2.10.2"] = Field(
        "2.10.2",
        description="Airflow's version. Each has a lock file of its dependencies in images/airflow/requirements.",
    )
    executor: Literal["CeleryExecutor", "LocalExecutor"] = Field(
        "CeleryExecutor",
        description="CeleryExecutor runs tasks on the workers; LocalExecutor runs them beside the scheduler, without"
        " workers and broker.",
    )
    load_examples: bool = Field(False, description="Load Airflow's own example DAGs.")
    expose_config: bool | Literal["non-sensitive-only"] = Field(
        False, description="Show Airflow's configuration in the UI: false, 'non-sensitive-only' or true."
    )
    migrate: bool = Field(
        True,
        description="The init container migrates the metadata database. With false it only checks that the database"
        " is at this version, and fails with the command to run.",
    )
    extra_requirements: list[Annotated[str, AfterValidator(_requirement)]] = Field(
        default_factory=list,
        description="Python requirements added to the image, kept within Airflow's locked versions.",
        examples=[["pandas==2.1.4"]],
    )
    extra_apt_packages: list[Annotated[str, AfterValidator(_apt_package)]] = Field(
        default_factory=list, description="Debian packages added to the image.", examples=[["git"]]
    )
    options: dict[str, dict[str, OptionValue]] = Field(
        default_factory=dict,
        description="Any other Airflow option, by section and key, but those that the stack can't run without.",
        examples=[{"core": {"default_timezone": "Europe/Berlin"}}],
    )

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict[str, dict[str, OptionValue]]) -> dict[str, dict[str, OptionValue]]:
        for section, values in options.items():
            for key in (section, *values):
                if not _NAME.fullmatch(key):
                    raise ValueError("sections and keys must be lower-case names, as in airflow.cfg")
            for key, value in values.items():
                _refuse_what_is_not_the_users(section.replace(".", "_"), key)
                if isinstance(value, str) and any(ord(char) < 32 and char not in "\n\t" for char in value):
                    raise ValueError(f"{section}.{key} holds control characters")
        return options


def _refuse_what_is_not_the_users(section: str, key: str) -> None:
    """``section`` with _ for a dot, as in the variable's name: two ways to write one option are one option."""
    base = re.sub(r"_(cmd|secret)$", "", key)
    if instead := ESSENTIAL_OPTIONS.get((section, key)) or ESSENTIAL_OPTIONS.get((section, base)):
        raise ValueError(f"{section}.{key} belongs to the stack; {instead}")
    if (section, key) in SENSITIVE_OPTIONS:
        raise ValueError(
            f"{section}.{key} can hold a secret, which would show in `docker inspect`; set {key}_cmd, a command that"
            f" prints it, or {key}_secret, its name in the secrets backend"
        )


class AdminConfig(Section):
    """``airflow-stack:admin``: the first user. The password is the secret ``admin_password``."""

    create: bool = Field(True, description="The init container creates this user when it does not exist.")
    username: Username = Field("admin", description="Name to log in with.")
    firstname: Line = Field("Airflow", description="First name shown in the UI.")
    lastname: Line = Field("Admin", description="Last name shown in the UI.")
    email: Email = Field("admin@example.com", description="E-mail address of the user.")
