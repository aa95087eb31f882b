"""The age of a job's heartbeat in the metadata database."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

from airflow_stack_runtime.database import add_site_packages, connect, dialect
from airflow_stack_runtime.options import option

QUERIES = {
    "postgresql": "SELECT extract(epoch FROM now() - max(latest_heartbeat))",
    "mysql": "SELECT timestampdiff(SECOND, max(latest_heartbeat), utc_timestamp())",
}


def seconds_since_heartbeat(job_type: str, timeout: float) -> float | None:
    """Return the age in seconds of the last heartbeat of this host's running job, None if there is no such job."""
    url = urlsplit(option("database", "sql_alchemy_conn"))
    add_site_packages()
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
