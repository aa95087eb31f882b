"""``airflow-stack:airflow``: Airflow itself."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from airflow_stack.config.types import Email, Line, Section, Username

OptionValue = str | int | float | bool

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
    ("celery", "broker_url"): "set broker",
    ("celery", "result_backend"): "set database",
    ("celery", "celery_config_options"): "the image's own module keeps tasks alive through restarts",
    ("celery", "worker_concurrency"): "set worker.concurrency",
    ("celery", "flower_url_prefix"): "set flower.url_prefix",
    ("celery", "flower_basic_auth"): "set the secret flower_password",
    ("celery", "flower_port"): "set flower.port",
    ("celery_broker_transport_options", "visibility_timeout"): "set broker.visibility_timeout",
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

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")
_REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9._,-]+\])?((==|~=|>=|<=|<|>|!=)[A-Za-z0-9.*+!_-]+,?)*"
)
_APT_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]+(=[A-Za-z0-9.+:~-]+)?")


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
    extra_requirements: list[str] = Field(
        default_factory=list,
        description="Python requirements added to the image, kept within Airflow's locked versions.",
        examples=[["pandas==2.1.4"]],
    )
    extra_apt_packages: list[str] = Field(
        default_factory=list, description="Debian packages added to the image.", examples=[["git"]]
    )
    options: dict[str, dict[str, OptionValue]] = Field(
        default_factory=dict,
        description="Any other Airflow option, by section and key, but those that the stack can't run without.",
        examples=[{"core": {"default_timezone": "Europe/Berlin"}}],
    )

    @field_validator("extra_requirements")
    @classmethod
    def _requirements(cls, values: list[str]) -> list[str]:
        for value in values:
            if not _REQUIREMENT.fullmatch(value):
                raise ValueError("each must be a package name with an optional version, without spaces or URLs")
            name = re.split(r"[\[=~<>!]", value, maxsplit=1)[0].lower().replace("_", "-")
            if name == "apache-airflow":
                raise ValueError("apache-airflow itself is set by airflow.version")
        return values

    @field_validator("extra_apt_packages")
    @classmethod
    def _apt_packages(cls, values: list[str]) -> list[str]:
        if not all(_APT_PACKAGE.fullmatch(value) for value in values):
            raise ValueError("each must be the name of a Debian package, with an optional =version")
        return values

    @field_validator("options")
    @classmethod
    def _options(cls, options: dict[str, dict[str, OptionValue]]) -> dict[str, dict[str, OptionValue]]:
        for section, values in options.items():
            for key in (section, *values):
                if not _NAME.fullmatch(key):
                    raise ValueError("sections and keys are lower-case names, as in airflow.cfg")
            for key, value in values.items():
                base = re.sub(r"_(cmd|secret)$", "", key)
                instead = ESSENTIAL_OPTIONS.get((section, key)) or ESSENTIAL_OPTIONS.get((section, base))
                if instead:
                    raise ValueError(f"{section}.{key} belongs to the stack; {instead}")
                if isinstance(value, str) and any(ord(char) < 32 and char not in "\n\t" for char in value):
                    raise ValueError(f"{section}.{key} holds control characters")
        return options


class AdminConfig(Section):
    """``airflow-stack:admin``: the first user. The password is the secret ``admin_password``."""

    create: bool = Field(True, description="The init container creates this user when it does not exist.")
    username: Username = Field("admin", description="Name to log in with.")
    firstname: Line = Field("Airflow", description="First name shown in the UI.")
    lastname: Line = Field("Admin", description="Last name shown in the UI.")
    email: Email = Field("admin@example.com", description="E-mail address of the user.")
