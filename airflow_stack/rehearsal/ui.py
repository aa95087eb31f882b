"""Airflow's UI as a user reaches it: logged in by the form."""

from __future__ import annotations

import re
from typing import Any

import requests

from airflow_stack.errors import OperationError


class Ui:
    """A session of the first user."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """Log in. Raises OperationError where the password is refused."""
        self._url = url
        self._session = requests.Session()
        page = self._session.get(f"{url}/login/", timeout=60).text
        self._without_tls()
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        form = {"username": username, "password": password, "csrf_token": token[1] if token else ""}
        self._session.post(f"{url}/login/", data=form, timeout=60, allow_redirects=False)
        self._without_tls()
        if self.get("/api/v1/dags?limit=1").status_code != requests.codes.ok:
            raise OperationError("the webserver refuses the admin's password")

    def _without_tls(self) -> None:
        """On AWS the load balancer ends TLS; here nothing does, and a cookie for TLS alone would never be sent."""
        for cookie in self._session.cookies:
            cookie.secure = False

    def get(self, path: str) -> Any:
        """The answer to a GET."""
        return self._session.get(f"{self._url}{path}", timeout=60)

    def log(self, dag: str, run: str, task: str, attempt: int = 1) -> str:
        """A task's log, as the UI shows it."""
        path = f"/api/v1/dags/{dag}/dagRuns/{run}/taskInstances/{task}/logs/{attempt}"
        return str(self.get(path).text)
