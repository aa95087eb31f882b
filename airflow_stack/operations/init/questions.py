"""What the configurator asks, in order. Help, default and rules of each answer are the model's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airflow_stack.config import SECRET_KEYS
from airflow_stack.operations.init.draft import Draft


def _always(_: Draft) -> bool:
    return True


def _celery(draft: Draft) -> bool:
    return bool(draft.value("airflow.executor") == "CeleryExecutor")


def _flower(draft: Draft) -> bool:
    return _celery(draft) and draft.value("flower.enabled") is True


def _not_hardened(draft: Draft) -> bool:
    return draft.value("hardened") is not True


def _creates_admin(draft: Draft) -> bool:
    return _not_hardened(draft) and draft.value("admin.create") is True


def _database(kind: str) -> Callable[[Draft], bool]:
    return lambda draft: draft.value("database.kind") == kind


def _broker(kind: str) -> Callable[[Draft], bool]:
    return lambda draft: _celery(draft) and draft.value("broker.kind") == kind


@dataclass(frozen=True)
class Question:
    """One key, and when it matters. A key that the chosen kind of its section lacks is not asked for."""

    key: str
    title: str
    when: Callable[[Draft], bool] = _always
    optional: bool = False
    """Whether an empty answer removes the whole section."""

    @property
    def secret(self) -> bool:
        """Whether the answer is one of the secrets."""
        return self.key in SECRET_KEYS


QUESTIONS: tuple[tuple[str, tuple[Question, ...]], ...] = (
    (
        "Place",
        (
            Question("target.project_dir", "Project directory"),
            Question("target.uid", "UID"),
            Question("target.gid", "GID"),
            Question("target.prefix", "Prefix of names"),
            Question("target.bind_address", "Address for ports"),
            Question("proxy.port", "Port of the stack"),
            Question("proxy.proxy_fix", "Trust the proxy's headers"),
        ),
    ),
    (
        "Database",
        (
            Question("database.kind", "Database"),
            Question("database_url", "URL of the database", _database("external")),
            Question("database.superuser", "Database superuser"),
            Question("postgres_password", "Superuser's password", _database("container")),
            Question("database.superuser_database", "Superuser's database"),
            Question("database.name", "Airflow's database"),
            Question("database.user", "Airflow's database user"),
            Question("airflow_database_password", "Password of Airflow's database user", _database("container")),
        ),
    ),
    (
        "Airflow",
        (
            Question("hardened", "Production hardening"),
            Question("airflow.executor", "Executor"),
            Question("airflow.load_examples", "Load the example DAGs", _not_hardened),
            Question("airflow.expose_config", "Show the configuration in the UI"),
            Question("airflow.migrate", "Migrate the database on start", _not_hardened),
            Question("fernet_key", "Fernet key"),
            Question("internal_api_secret_key", "Internal API secret key"),
            Question("webserver_secret_key", "Webserver secret key"),
            Question("secrets_backend.class_name", "Secrets backend (empty: none)", optional=True),
            Question(
                "secrets_backend_kwargs",
                "Parameters of the secrets backend",
                lambda draft: "secrets_backend" in draft.raw,
            ),
        ),
    ),
    (
        "Celery",
        (
            Question("worker.count", "Workers", _celery),
            Question("worker.concurrency", "Tasks at a time on each worker", _celery),
            Question("broker.kind", "Broker", _celery),
            Question("broker_url", "URL of the broker", _broker("external")),
            Question("redis_password", "Password of Redis", _broker("container")),
            Question("flower.enabled", "Flower", _celery),
            Question("flower.url_prefix", "URL prefix of Flower", _flower),
            Question("flower_password", "Password of Flower", _flower),
        ),
    ),
    (
        "First user",
        (
            Question("admin.create", "Create the first user", _not_hardened),
            Question("admin.username", "User name", _creates_admin),
            Question("admin.firstname", "First name", _creates_admin),
            Question("admin.lastname", "Last name", _creates_admin),
            Question("admin.email", "E-mail", _creates_admin),
            Question("admin_password", "Password", _creates_admin),
        ),
    ),
)
