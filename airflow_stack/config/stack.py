"""What every stack has, wherever it runs: one section a concern, and the rules that join them.

``local/`` and ``aws/`` have the two models over it, and `models` chooses one.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from airflow_stack.config.airflow import AdminConfig, AirflowConfig
from airflow_stack.config.data import BrokerConfig, DatabaseConfig
from airflow_stack.config.errors import RuleError
from airflow_stack.config.services import TriggererConfig, WebserverConfig, WorkerConfig
from airflow_stack.config.target import TargetConfig
from airflow_stack.config.types import Section


class StackConfig(Section):
    """Everything but the secrets of one Airflow deployment."""

    STACKS: ClassVar[str]
    """What stacks of the target are called."""
    INSTEAD: ClassVar[Mapping[str, str]] = {}
    """By key that only the other target has, or whose values it alone has all: what there is here."""

    target: TargetConfig
    airflow: AirflowConfig = Field(default_factory=AirflowConfig, description="Airflow itself.")
    admin: AdminConfig = Field(default_factory=AdminConfig, description="The first user.")
    webserver: WebserverConfig = Field(default_factory=WebserverConfig, description="UI and API.")
    triggerer: TriggererConfig = Field(default_factory=TriggererConfig, description="Runs deferrable tasks.")
    worker: WorkerConfig = Field(default_factory=WorkerConfig, description="Celery workers.")
    database: DatabaseConfig
    broker: BrokerConfig
    hardened: bool = Field(
        False,
        description="Production hardening: no migration and no user creation at start, configuration shown without"
        " sensitive values at most, no examples, and the database's bootstrap credentials dropped. For a stack that has"
        " been up: a new database needs what this takes away.",
    )

    @model_validator(mode="after")
    def _hardened_allows_no_opposite(self) -> StackConfig:
        """A switch that another key silently undoes would be no hardening."""
        if self.hardened:
            if self.airflow.load_examples:
                raise RuleError(
                    "airflow.load_examples", "excludes hardened: switch one off", put=("airflow.load_examples", False)
                )
            if self.airflow.expose_config is True:
                raise RuleError(
                    "airflow.expose_config",
                    "true excludes hardened: use 'non-sensitive-only' or false",
                    put=("airflow.expose_config", "non-sensitive-only"),
                )
        return self

    @model_validator(mode="after")
    def _queues_are_served(self) -> StackConfig:
        """A task that names no queue goes to the default one: where nobody serves it, most DAGs never run."""
        worker, default = self.worker, self.default_queue
        for name in ("queues", "other_queues"):
            if getattr(worker, name) and self.broker.ONE_QUEUE:
                key = f"worker.{name}"
                raise RuleError(key, self.broker.ONE_QUEUE, remove=key)
        if worker.queues and not {default, "*"} & {*worker.queues, *worker.other_queues}:
            raise RuleError(
                "worker.queues",
                f"leaves out {default!r}, the queue of every task that names none; add it, or set"
                " airflow.options.operators.default_queue to one of these",
                put=("worker.queues", [default, *worker.queues]),
            )
        return self

    def at(self, key: str) -> Any:
        """What this key holds, as in ``worker.count``; None where there is none of this name."""
        found: Any = self
        for name in key.split("."):
            found = found.get(name) if isinstance(found, Mapping) else getattr(found, name, None)
        return found

    @property
    @abstractmethod
    def most_workers(self) -> int:
        """Celery workers that there may be at a time."""

    @property
    @abstractmethod
    def longest_stop(self) -> int:
        """Seconds that ``worker.stop_timeout`` may be at most."""

    @property
    def monitored(self) -> bool:
        """Whether Flower runs."""
        return False

    @property
    def lookup_class(self) -> str | None:
        """Python path of the user's own class that looks connections and variables up. None: there is none."""
        return None

    def has_schedule(self, section: str) -> bool:
        """Whether the role of this section does not always run."""
        return self.at(f"target.{section}.schedule") is not None

    @property
    def trusted_proxies(self) -> str:
        """Addresses whose X-Forwarded headers the UI's server believes, as uvicorn writes them: ``*`` is all."""
        return "127.0.0.1"

    @property
    def task_slots(self) -> int:
        """Tasks that run at a time when all workers are there; with LocalExecutor, beside the scheduler."""
        if not self.celery:
            return self.worker.concurrency
        return self.most_workers * self.worker.concurrency

    @property
    def default_queue(self) -> str:
        """The queue of a task that names none."""
        return str(self.airflow.options.get("operators", {}).get("default_queue", "default"))

    @property
    def celery(self) -> bool:
        """Whether tasks run on Celery workers."""
        return self.airflow.executor == "CeleryExecutor"

    @property
    def migrates(self) -> bool:
        """Whether the init container migrates the database."""
        return self.airflow.migrate and not self.hardened

    @property
    def creates_admin(self) -> bool:
        """Whether the init container creates the first user."""
        return self.admin.create and not self.hardened

    def required_secrets(self) -> dict[str, str]:
        """Secrets that somebody has to set, and what requires them."""
        found = {}
        if self.database.kind == "external":
            found["database_url"] = "database.kind: external"
        if self.celery and self.broker.kind == "external":
            found["broker_url"] = "broker.kind: external"
        return found

    def unread_secrets(self) -> dict[str, str]:
        """Secrets that nothing reads, and why."""
        database, broker = f"database.kind is {self.database.kind}", f"broker.kind is {self.broker.kind}"
        if not self.celery:
            broker = "airflow.executor is LocalExecutor"
        found = {}
        if self.database.kind != "external":
            found["database_url"] = database
        if self.database.kind != "container":
            found["postgres_password"] = database
        if self.database.kind not in ("container", "rds"):
            found["airflow_database_password"] = database
        if not self.celery or self.broker.kind != "external":
            found["broker_url"] = broker
        if not self.celery or self.broker.kind not in ("container", "elasticache"):
            found["redis_password"] = broker
        return found
