"""XComs in Airflow's database, as Airflow keeps them, but none that is too large for it.

Airflow's own option ``core.xcom_backend`` names it. A value goes through the database's memory several times over: one
of 1.1 GB ended a process of PostgreSQL, which then starts anew, and whatever used it fails.
"""

from __future__ import annotations

import os
from typing import Any

from airflow.models.xcom import BaseXCom

LIMIT = "AIRFLOW_STACK_XCOM_LIMIT"
"""Variable with the most bytes of one value, in MiB."""
MIB = 1024**2


class XCom(BaseXCom):
    """Reads whatever is there, however large, in JSON or pickled."""

    @staticmethod
    def serialize_value(
        value: Any,
        *,
        key: str | None = None,
        task_id: str | None = None,
        dag_id: str | None = None,
        run_id: str | None = None,
        map_index: int | None = None,
    ) -> Any:
        """Return what is stored.

        Raises:
            AirflowFailException: it would be too large; a next try would have as much to store.
        """
        if isinstance(value, str | bytes | bytearray):
            refuse_large(key, len(value))  # before a copy is made, for which there may be no memory
        stored = BaseXCom.serialize_value(
            value, key=key, task_id=task_id, dag_id=dag_id, run_id=run_id, map_index=map_index
        )
        refuse_large(key, len(stored))
        return stored


def refuse_large(key: str | None, size: int) -> None:
    """Raise AirflowFailException where a value has more bytes than the stack allows."""
    from airflow.exceptions import AirflowFailException

    limit = os.environ.get(LIMIT, "")
    if not limit.isdigit() or size <= int(limit) * MIB:
        return
    raise AirflowFailException(
        f"XCom {key!r} is too large: {-(-size // MIB)} MiB, and airflow-stack:airflow.xcom_limit is {limit} MiB."
        " Write the data to a bucket, or to a file that all workers reach, and return its path. Airflow does so with"
        " every large value where airflow-stack:airflow.options.core.xcom_backend is"
        " airflow.providers.common.io.xcom.backend.XComObjectStorageBackend."
    )
