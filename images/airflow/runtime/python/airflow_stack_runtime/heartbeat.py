"""The age of a job's heartbeat in the metadata database, by the database's driver alone."""

from __future__ import annotations

import os
import socket
import sys
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from airflow_stack_runtime.options import option

QUERIES = {
    "postgresql": "SELECT extract(epoch FROM now() - max(latest_heartbeat))",
    "mysql": "SELECT timestampdiff(SECOND, max(latest_heartbeat), utc_timestamp())",
}


def seconds_since_heartbeat(job_type: str, timeout: float) -> float | None:
    """Return the age in seconds of the last heartbeat of this host's running job, None if there is no such job."""
    url = urlsplit(option("database", "sql_alchemy_conn"))
    _add_site_packages()
    connection = connect(url, timeout)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"{QUERIES[dialect(url)]} FROM job WHERE job_type = %s AND hostname = %s AND state = 'running'",
                (job_type, _hostname()),
            )
            (age,) = cursor.fetchone()
    finally:
        connection.close()
    return None if age is None else float(age)


def dialect(url: SplitResult) -> str:
    """Return which kind of server a connection string of SQLAlchemy names: ``postgresql`` or ``mysql``."""
    return url.scheme.partition("+")[0]


def connect(url: SplitResult, timeout: float) -> Any:
    """Return a connection of the driver that the connection string names."""
    if dialect(url) == "postgresql":
        return _connect_postgresql(url, timeout)
    return _connect_mysql(url, url.scheme.partition("+")[2], timeout)


def _connect_postgresql(url: Any, timeout: float) -> Any:
    import psycopg2

    # libpq reads the URL itself, parameters included.
    return psycopg2.connect(url._replace(scheme="postgresql").geturl(), connect_timeout=int(timeout))


def _connect_mysql(url: Any, driver: str, timeout: float) -> Any:
    if driver == "pymysql":
        import pymysql as mysql
    elif driver == "mysqlconnector":
        import mysql.connector as mysql
    else:
        import MySQLdb as mysql  # noqa: N813
    options = {key: value for key, value in parse_qsl(url.query) if key == "charset"}
    return mysql.connect(
        host=url.hostname,
        port=url.port or 3306,
        user=unquote(url.username or ""),
        password=unquote(url.password or ""),
        database=url.path.lstrip("/"),
        connect_timeout=int(timeout),
        **options,
    )


def _hostname() -> str:
    """Return the name under which Airflow registers its jobs: the first canonical name of this host, or its address."""
    name = socket.gethostname()
    try:
        addresses = socket.getaddrinfo(name, None, 0, socket.SOCK_DGRAM, 0, socket.AI_CANONNAME)
        name = next((address[3] for address in addresses if address[3]), name)
    except OSError:
        pass
    if option("core", "hostname_callable", "").endswith(".get_host_ip_address"):
        return socket.gethostbyname(name)
    return name


def _add_site_packages() -> None:
    """Make the drivers importable: the interpreter was started without ``site``, which takes as long as the probe."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for root in (os.environ.get("VIRTUAL_ENV"), "/home/airflow/.local"):
        path = f"{root}/lib/{version}/site-packages"
        if root and path not in sys.path:
            sys.path.append(path)
