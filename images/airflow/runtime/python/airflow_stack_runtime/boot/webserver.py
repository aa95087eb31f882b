"""Runs the webserver's Gunicorn in this process, with the application loaded once and shared by all its workers.

``airflow webserver`` loads Airflow in a process that only watches Gunicorn, starts Gunicorn in a second one, and has
that load everything anew. What the watching did, others do: Gunicorn restarts a worker, the container's restart policy
Gunicorn, and ``max_requests`` takes the place of the regular refresh of workers.
"""

from __future__ import annotations

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Serve until told to stop; the options are those of the section ``webserver``."""
    from airflow.configuration import conf, write_webserver_configuration_if_needed
    from gunicorn.app.wsgiapp import WSGIApplication

    write_webserver_configuration_if_needed(conf)
    command = {
        "--workers": conf.get("webserver", "workers"),
        "--worker-class": conf.get("webserver", "worker_class"),
        "--timeout": conf.get("webserver", "web_server_worker_timeout"),
        "--bind": f"{conf.get('webserver', 'web_server_host')}:{conf.get('webserver', 'web_server_port')}",
        "--name": "airflow-webserver",
        "--config": "python:airflow_stack_runtime.boot.gunicorn_config",
        "--access-logfile": conf.get("webserver", "access_logfile"),
        "--error-logfile": conf.get("webserver", "error_logfile"),
        "--access-logformat": conf.get("webserver", "access_logformat", fallback=""),
        "--certfile": conf.get("webserver", "web_server_ssl_cert", fallback=""),
        "--keyfile": conf.get("webserver", "web_server_ssl_key", fallback=""),
        "--max-requests": "20000",
        "--max-requests-jitter": "2000",
    }
    sys.argv = ["gunicorn", "--preload"]
    for option, value in command.items():
        if value:
            sys.argv += [option, value]
    sys.argv.append("airflow.www.app:cached_app()")
    WSGIApplication("%(prog)s [OPTIONS] [APP_MODULE]", prog="gunicorn").run()
    raise SystemExit(0)
