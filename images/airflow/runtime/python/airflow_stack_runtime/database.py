"""The metadata database by its driver alone: neither Airflow nor SQLAlchemy, which take seconds to import."""

from __future__ import annotations

import os
import sys
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote


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


def add_site_packages() -> None:
    """Make the drivers importable: the interpreter was started without ``site``, which takes as long as the probe."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for root in (os.environ.get("VIRTUAL_ENV"), "/home/airflow/.local"):
        path = f"{root}/lib/{version}/site-packages"
        if root and path not in sys.path:
            sys.path.append(path)
