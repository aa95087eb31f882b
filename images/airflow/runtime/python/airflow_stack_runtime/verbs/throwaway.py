"""A container that lives for one check or one run: secrets that open nothing, a database in a file, names from files.

What is asked for stands in files, since a process list and `docker inspect` show arguments and variables.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from airflow_stack_runtime.options import SECRETS

GIVEN = Path("/run/given")
DATABASE = "sqlite:////tmp/airflow.db"
RESULT = "airflow-stack-result: "

KINDS = {"connection": ("connections", "AIRFLOW_CONN_"), "variable": ("variables", "AIRFLOW_VAR_")}
"""Of what a DAG looks up: its file below GIVEN and its key in the request, and the prefix of its variables."""


def request(given: Path = GIVEN) -> dict[str, Any]:
    """What is asked for."""
    found: dict[str, Any] = json.loads((given / "request.json").read_text())
    return found


def make_secrets(names: Iterable[str], directory: Path = SECRETS) -> None:
    """Write a secret file of each name, as the stack's containers have them. Before Airflow is imported."""
    database = {"sql_alchemy_conn": DATABASE, "celery_result_backend": f"db+{DATABASE}", "broker_url": "memory://"}
    for name in names:
        if name == "fernet_key":
            value = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")
        else:
            value = database.get(name) or secrets.token_hex(16)
        (directory / name).write_text(value)


def create_tables() -> None:
    """The tables of an empty database, from Airflow's models: what else a migration does, a single run does without."""
    import airflow.providers.fab.auth_manager.models  # noqa: F401 - tables refer to its users
    from airflow import models, settings
    from airflow.models.base import Base
    from airflow.utils import db

    models.import_all_models()
    Base.metadata.create_all(settings.engine)
    db.add_default_pool_if_not_exists()
    db.synchronize_log_template()


class Known:
    """The connections and variables that there will be: those of the environment, of the given files, and as told."""

    def __init__(
        self, told: Mapping[str, Iterable[str]], given: Path = GIVEN, environment: Mapping[str, str] = os.environ
    ) -> None:
        """``told`` has names under ``connections`` and ``variables``."""
        self._environment = environment
        self._names: dict[str, set[str]] = {}
        for kind, (key, _) in KINDS.items():
            path = given / f"{key}.json"
            in_file = json.loads(path.read_text()) if path.exists() else {}
            self._names[kind] = {*in_file, *told.get(key, ())}

    def has(self, kind: str, name: str) -> bool:
        """Whether there will be a connection or variable of this name."""
        variable = f"{KINDS[kind][1]}{name.upper()}"
        return name in self._names[kind] or variable in self._environment


def answer(result: Mapping[str, Any]) -> None:
    """Print the result as the line that the caller looks for."""
    print(f"\n{RESULT}{json.dumps(result)}", flush=True)
