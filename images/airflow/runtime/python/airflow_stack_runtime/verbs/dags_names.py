"""Names of the connections and variables in the metadata database, never a value."""

from __future__ import annotations

from airflow_stack_runtime.verbs import throwaway


def main() -> None:
    """Print them as one line of JSON."""
    from airflow.models import Connection, Variable
    from airflow.utils.session import create_session

    with create_session() as session:
        connections = sorted(name for (name,) in session.query(Connection.conn_id))
        variables = sorted(name for (name,) in session.query(Variable.key))
    throwaway.answer({"connections": connections, "variables": variables})


if __name__ == "__main__":
    main()
