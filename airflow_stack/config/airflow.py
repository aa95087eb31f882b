"""``airflow-stack:airflow``: Airflow itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from airflow_stack.config.errors import BrokenRulesError
from airflow_stack.config.options import broken_options
from airflow_stack.config.types import Email, Line, Section, Username, matches
from airflow_stack.releases import DEFAULT, RELEASES, Release

OptionValue = str | int | Annotated[float, Field(allow_inf_nan=False)] | bool

if TYPE_CHECKING:
    Version = str
else:
    Version = Literal[tuple(RELEASES)]

# Any, since an external database may have been anybody's.
VersionNumber = Annotated[
    str, matches(r"[1-9][0-9]?\.[0-9]{1,3}\.[0-9]{1,3}", "must be a version of three numbers, with dots")
]

# What the image replaces of Airflow, by its name in images/airflow/runtime (patches/registry.py), which tests compare.
PatchName = Literal[
    "blocked_triggers",
    "dag_processes",
    "forks",
    "idle_sleep",
    "inline_triggers",
    "link_loops",
    "one_dag",
    "otel_names",
    "parsing",
    "slots",
    "stale_callbacks",
    "stuck",
    "task_engine",
    "turns",
    "unserved_queues",
    "unstarted",
]

_NAME = re.compile(r"[a-z][a-z0-9_.]{0,99}")
_VERSION = r"(==|~=|>=|<=|<|>|!=)[A-Za-z0-9.*+!_-]+"
_REQUIREMENT = re.compile(rf"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[A-Za-z0-9._,-]+\])?({_VERSION}(,{_VERSION})*)?")
# To apt-get, a name that ends in - is one to remove.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f]")
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


def _own_section(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("must be a section's name in lower case, as in airflow.cfg")
    return value


class AirflowConfig(Section):
    """Version, executor and options of Airflow."""

    version: Version = Field(
        DEFAULT,
        description="Airflow's version. Each has a lock file of its dependencies in images/airflow/requirements.",
    )
    upgrade_from: VersionNumber | None = Field(
        None,
        description="Airflow's version that the metadata database has run with until now, where airflow.version is of a"
        " later line. Without it no database is migrated from one line to another, such as from 2.10 to 2.11.",
        examples=[next(iter(RELEASES))],
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
        description="Any other Airflow option, by section and key, but those that the stack can't run without. One that"
        " this version does not know is refused.",
        examples=[{"core": {"default_timezone": "Europe/Berlin"}}],
    )
    own_sections: list[Annotated[str, AfterValidator(_own_section)]] = Field(
        default_factory=list,
        description="Sections of airflow.options that Airflow itself does not know: those of a plugin, of your DAGs, or"
        " of a provider among extra_requirements. Their values show in `docker inspect`.",
        examples=[["my_plugin"]],
    )
    xcom_limit: int = Field(
        16,
        ge=1,
        le=512,
        description="MiB of the largest XCom that a task may push; one that is larger fails its task, and the log says"
        " what to do. It goes through the database's memory several times over. Without effect where"
        " options.core.xcom_backend names another backend.",
    )
    callback_timeout: int = Field(
        600,
        ge=1,
        le=86_400,
        description="Seconds that a callback of a task may take (on_failure_callback and the like). It is interrupted"
        " then, which its log says: until it ends, it holds the task's slot. Callbacks of DAGs have"
        " options.core.dag_file_processor_timeout.",
    )
    patches: dict[PatchName, bool] = Field(
        default_factory=dict,
        description="Parts of Airflow that the image replaces, since no option reaches them: with false Airflow behaves"
        " there as it was released. docs/performance.md says of each what happens then.",
        examples=[{"idle_sleep": False}],
    )

    @field_validator("options")
    @classmethod
    def _written_as_in_airflow_cfg(
        cls, options: dict[str, dict[str, OptionValue]]
    ) -> dict[str, dict[str, OptionValue]]:
        for section, values in options.items():
            for key in (section, *values):
                if not _NAME.fullmatch(key):
                    raise ValueError("sections and keys must be lower-case names, as in airflow.cfg")
            for key, value in values.items():
                if isinstance(value, str) and _CONTROL.search(value):
                    raise ValueError(f"{section}.{key} holds control characters")
        return options

    @model_validator(mode="after")
    def _options_of_the_release(self) -> AirflowConfig:
        """An option that nothing reads would be taken for one that works, and a plain one that is secret would show."""
        broken = broken_options(self.options, self.own_sections, self.release)
        if broken:
            raise BrokenRulesError(broken)
        return self

    @property
    def release(self) -> Release:
        """What this version of Airflow consists of."""
        return RELEASES[self.version]


class AdminConfig(Section):
    """``airflow-stack:admin``: the first user. The password is the secret ``admin_password``."""

    create: bool = Field(True, description="The init container creates this user when it does not exist.")
    username: Username = Field("admin", description="Name to log in with.")
    firstname: Line = Field("Airflow", description="First name shown in the UI.")
    lastname: Line = Field("Admin", description="Last name shown in the UI.")
    email: Email = Field("admin@example.com", description="E-mail address of the user.")
