"""What a release of Airflow is: data that says by what properties its parts differ.

Whoever deploys, watches or draws a role asks for a property, never for its name; what a target makes of it, such as
the percentages of a rolling update, follows from it there. Where a value comes from config, the property holds the
config's key, as in ``worker.count``: the same key that an error or an advice names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from airflow_stack.releases.options import Option, Options

Value = TypeVar("Value")

Scalar = str | int | float | bool
"""What an option may hold."""


@dataclass(frozen=True)
class Share:
    """What a part has in MiB on the smallest engine, and how it grows."""

    least: int
    of_spare: float = 0.0
    """Of what the engine has beyond the least one, for each container of the part."""
    most: int | None = None
    """No larger than that, since more is of no use to it. None: tasks use whatever there is."""


@dataclass(frozen=True)
class RoleSpec:
    """One part of Airflow, as the release has it, wherever and however it is deployed."""

    name: str
    command: tuple[str, ...]
    without: str
    """What does not work while it is away."""
    memory: Share
    """Where config gives it none."""
    column: int
    """Where it stands in a picture, in the row of its kind."""
    when: str = ""
    """Config key that must hold for it to be there. Empty: always."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Arguments of the command by config key of their value, a list; left out where that is empty."""
    secrets: tuple[str, ...] = ()
    """Names of the secret files that it reads, of those that a deployment has; their options are the release's."""
    probed: bool = True
    """The image has a probe of its name."""
    one_shot: bool = False
    """Runs to its end before the others work."""

    options: Mapping[Option, str] = field(default_factory=dict)
    """Options that it alone reads, with the config key of their value; ``airflow.options`` may not set them."""
    defaults: Mapping[Option, str] = field(default_factory=dict)
    """The same, but ``airflow.options`` may set them."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that it alone reads and that are no options, with the config key of their value."""

    serves: Literal["ui", "monitor"] | None = None
    """What a browser finds at ``port``: Airflow's UI and API, or the monitor of Celery."""
    port: int | None = None
    """Port at which it serves."""
    health: str = ""
    """Path at ``port`` that answers 200 to anybody while it serves."""
    closed: tuple[str, ...] = ()
    """Paths at ``port`` that are for other roles alone: a proxy or a load balancer in front refuses them."""
    published: str = ""
    """Config key of the port of a machine that leads straight to it. Empty: none does."""
    path: str = ""
    """Config key of the path at which the proxy serves it. Empty: the root."""
    log_port: int | None = None
    """Port at which whoever serves the UI reads the log of what still runs here."""

    database: bool = True
    """Opens connections to the metadata database."""
    broker: Literal["sends", "takes", "watches"] | None = None
    """What it does with the broker. None: it knows of tasks from the database alone."""
    schedules: bool = False
    """Decides which task runs next, and so knows how many workers are needed."""
    tasks: Literal["always", "without_workers"] | None = None
    """When tasks run in it: users' code, which talks to whatever it talks to and may be cut off by a restart."""
    writes_task_logs: bool = False
    parses: bool = False
    """Imports the DAG files."""
    elastic: bool = False
    """Its number follows what there is to do. Of all others there is a fixed number."""
    overlaps: bool = True
    """An old one and a new one may run side by side while one replaces the other."""
    count: str = ""
    """Config key of how many containers there are on a machine. Empty: one, and there can't be more."""
    slots: str = ""
    """Config key of the tasks that each runs at a time."""
    stop_timeout: str = ""
    """Config key of the seconds in which it ends what it does when it is stopped. Empty: it stops at once."""
    cpu_shares: int = 0
    """Weight where CPU is short; 0 is Docker's default, 1024."""
    job: str = ""
    """The kind of job whose heartbeat it leaves in the metadata database. Empty: none."""

    @property
    def section(self) -> str:
        """Of config, and of config's ``target``, if there is one for it."""
        return self.name.replace("-", "_")


@dataclass(frozen=True)
class Release:
    """One version of Airflow."""

    version: str
    python: str
    """Python's minor version in the images."""
    upstream_image: str
    """Base of the images of origin ``registry``."""
    init: RoleSpec
    """Folders, migration, first user: runs before all others. It alone migrates."""
    roles: tuple[RoleSpec, ...]
    """Long-running roles, in the order in which a person would list them."""
    generated: Mapping[str, int]
    """Secrets that are generated for Airflow itself, and of how many random letters and digits each is made."""
    secret_options: Mapping[str, Option]
    """By secret file, the option whose value it holds: whoever reads the file has the option."""
    belongs: Mapping[Option, str]
    """Options that the stack can't run with another value of, beside those of ``generated`` and of the roles: what to
    set instead."""
    options: Options
    """Every option that there is."""
    defaults: Mapping[Option, Scalar] = field(default_factory=dict)
    """The stack's own defaults where this release needs another one than 2.10, or has an option that 2.10 has not."""
    execution_api: Option | None = None
    """The option that tells a task where to reach the role that serves the UI. None: a task needs the database."""
    results: Literal["database", "broker"] = "database"
    """Where Celery keeps the results of tasks: a worker that may not reach the metadata database leaves them with a
    broker that can hold them."""
    renamed_sections: Mapping[str, str] = field(default_factory=dict)
    """By config section of another release's role, the one that takes its place here."""
    renamed: Mapping[Option, Option | None] = field(default_factory=dict)
    """By the name that the stack's own options have in 2.10, the one that they have here where it is another one than
    ``options`` says; None for one that the stack does not set here."""

    def role(self, name: str) -> RoleSpec | None:
        """The role of this name."""
        return next((role for role in (self.init, *self.roles) if role.name == name), None)

    def named(self, options: Mapping[Option, Value]) -> dict[Option, Value]:
        """Options of the stack's own by the names that they have in this release, without those that it has not."""
        names = {option: self.renamed.get(option, self._now(option)) for option in options}
        return {name: options[option] for option, name in names.items() if name is not None}

    def _now(self, option: Option) -> Option | None:
        base = self.options.base(option)
        name = self.options.now(base)
        return name and (name[0], name[1] + option[1].removeprefix(base[1]))

    @property
    def lock(self) -> str:
        """Lock file of the dependencies, below images/airflow/."""
        return f"requirements/{self.version}.txt"

    @property
    def essential(self) -> dict[Option, str]:
        """Every option that ``airflow.options`` may not set, and where it is set instead."""
        keys = {self.secret_options[secret]: f"set the secret {secret}" for secret in self.generated}
        own = {option: f"set {key}" for role in self.roles for option, key in role.options.items()}
        return keys | own | dict(self.belongs)
