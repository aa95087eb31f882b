"""A running Docker engine: found, else installed and started, else asked for."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from airflow_stack.errors import OperationError
from airflow_stack.operations.docker_engine import client
from airflow_stack.operations.image_build import Say
from airflow_stack.operations.tools import apt_install, can_apt_install, find

LOG = Path("/var/log/dockerd.log")
START_SECONDS = 30


def ensure_engine(say: Say) -> None:
    """Return when an engine answers. Only root on Debian or Ubuntu has one installed and started for them."""
    try:
        client()
    except OperationError:
        if os.environ.get("DOCKER_HOST") or not can_apt_install():
            raise
    else:
        return
    if find("dockerd") is None:
        say("Docker is not installed: installing docker.io")
        apt_install("docker.io")
    say("starting the Docker engine")
    _start()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            client()
        except OperationError:
            if time.monotonic() > deadline:
                raise OperationError(
                    f"the Docker engine did not start within {START_SECONDS} s.\nSee what it says: tail {LOG}"
                ) from None
            time.sleep(0.5)
        else:
            return


def _start() -> None:
    """By the service manager where one runs, else by hand: a container or a chroot has none."""
    if Path("/run/systemd/system").exists():
        subprocess.run(["systemctl", "start", "docker"], check=False, capture_output=True)
        return
    dockerd = find("dockerd") or "dockerd"
    with LOG.open("ab") as log:
        subprocess.Popen([dockerd], stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
