"""``airflow celery flower`` with the login that ``AIRFLOW__CELERY__FLOWER_BASIC_AUTH_CMD`` names.

Airflow reads the option before it has loaded those of its providers, and so before it knows that this one may come from
a command: Flower would start without a login (``airflow.providers.celery.executors.celery_executor``).
"""

from __future__ import annotations

import os
import sys

from airflow_stack_runtime.options import OptionError, option


def main(arguments: list[str]) -> None:
    """Become Flower. Does not return."""
    try:
        # For this process alone: the environment that others can read, in /proc, is that of its start.
        os.environ["AIRFLOW__CELERY__FLOWER_BASIC_AUTH"] = option("celery", "flower_basic_auth")
    except OptionError as error:
        sys.exit(f"flower does not start without a login: {error}")
    from airflow.__main__ import main as airflow

    sys.argv = ["airflow", *arguments]
    airflow()


if __name__ == "__main__":
    main(sys.argv[1:])
