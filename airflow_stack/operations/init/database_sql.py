"""The SQL with which an administrator makes room for Airflow in a database server that is already there."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from airflow_stack.backends import secret_files
from airflow_stack.config import StackConfig, read_stack_file
from airflow_stack.config.load import secrets_directory
from airflow_stack.config.secrets import POSTGRESQL_SCHEMES
from airflow_stack.errors import OperationError

Dialect = Literal["postgresql", "mysql"]

_POSTGRESQL = """\
-- PostgreSQL, as an administrator.
CREATE ROLE "{user}" LOGIN;
GRANT "{user}" TO CURRENT_USER; -- where the administrator is no superuser, as in a managed service
CREATE DATABASE "{name}" OWNER "{user}" ENCODING 'UTF8' TEMPLATE template0;
-- The password of the secret database_url. psql asks for it here, and sends its hash: no log of the server has it.
\\password "{user}"
-- Without psql: ALTER ROLE "{user}" PASSWORD 'PASSWORD'; a server may log that statement, as when it fails.
"""

_MYSQL = """\
-- MySQL 8, as an administrator. PASSWORD is the one in the secret database_url; MySQL keeps it out of its logs.
CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci;
CREATE USER '{user}'@'%' IDENTIFIED BY 'PASSWORD';
GRANT ALL PRIVILEGES ON `{name}`.* TO '{user}'@'%';
"""


def database_sql(directory: Path, stack: str, dialect: Dialect | None = None) -> str:
    """SQL for a stack's external database; for both dialects where its URL can't be read without Pulumi."""
    config, _ = read_stack_file(directory, stack)
    if config.database.kind != "external":
        where = {"rds": "RDS"}.get(config.database.kind, "a container")
        raise OperationError(
            f"stack {stack!r} has its database in {where}, which creates Airflow's role and database by itself.\n"
            f"For one of your own: airflow-stack init -s {stack} --set database.kind=external --secret database_url=-"
        )
    url = secret_files.kept(secrets_directory(directory.resolve(), stack)).get("database_url")
    return render(config, dialect or (dialect_of(url) if url else None))


def dialect_of(url: str) -> Dialect:
    """The dialect of a valid ``database_url``."""
    return "postgresql" if url.partition("://")[0] in POSTGRESQL_SCHEMES else "mysql"


def render(config: StackConfig, dialect: Dialect | None) -> str:
    """The statements, without the password. The names are plain: see RoleName."""
    templates = {"postgresql": _POSTGRESQL, "mysql": _MYSQL}
    chosen = [templates[dialect]] if dialect else list(templates.values())
    return "\n".join(text.format(user=config.database.user, name=config.database.name) for text in chosen)
