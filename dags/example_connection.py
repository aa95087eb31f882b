"""A connection stored and read back. Proves that the Fernet key encrypts in the database and decrypts in a task."""

from __future__ import annotations

import secrets

import pendulum
from airflow.decorators import dag, task, teardown

CONNECTION = "airflow_stack_example"


@dag(schedule=None, start_date=pendulum.datetime(2024, 1, 1), is_paused_upon_creation=False, tags=["example"])
def example_connection():
    @task
    def store() -> str:
        """Store a connection whose password nobody knows yet; return its fingerprint, never itself."""
        from airflow.models import Connection
        from airflow.utils.session import create_session

        password = secrets.token_urlsafe(16)
        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == CONNECTION).delete()
            session.add(Connection(CONNECTION, conn_type="http", host="example.com", login="me", password=password))
        return fingerprint(password)

    @task
    def read(expected: str) -> None:
        from airflow.hooks.base import BaseHook
        from airflow.models import Connection
        from airflow.utils.session import create_session

        connection = BaseHook.get_connection(CONNECTION)
        with create_session() as session:
            stored = session.query(Connection).filter(Connection.conn_id == CONNECTION).one()
            assert stored.is_encrypted, "the password stands in the database in clear"
            assert stored._password != connection.password
        assert fingerprint(connection.password or "") == expected, "another password came back"

    @teardown
    def delete() -> None:
        from airflow.models import Connection
        from airflow.utils.session import create_session

        with create_session() as session:
            session.query(Connection).filter(Connection.conn_id == CONNECTION).delete()

    checked = read(store())
    # A teardown: it runs after a failed check too, and does not hide it from the run's state.
    checked >> delete()


def fingerprint(password: str) -> str:
    import hashlib

    return hashlib.sha256(password.encode()).hexdigest()


example_connection()
