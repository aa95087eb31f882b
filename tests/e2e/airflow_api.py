"""Airflow as a user of the UI reaches it: through nginx, logged in with the form's session cookie."""

from __future__ import annotations

import base64
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from e2e.session import poll

ENDED = ("success", "failed")


def get(url: str, user: str = "", password: str = "") -> tuple[int, str]:
    """Status and body of a page, with HTTP's own login where a user is given."""
    request = urllib.request.Request(url)  # noqa: S310 - the URL is the test's own
    if user:
        request.add_header("Authorization", "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode())
    try:
        with urllib.request.build_opener().open(request, timeout=30) as response:
            return response.status, response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


class AirflowApi:
    """The stable REST API of one Airflow."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )  # fmt: skip
        self._login(username, password)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send JSON, get JSON. Raises urllib.error.HTTPError."""
        request = urllib.request.Request(  # noqa: S310 - the URL is the test's own
            f"{self.url}/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Accept": "application/json"} | ({} if body is None else {"Content-Type": "application/json"}),
        )
        with self._opener.open(request, timeout=60) as response:
            text = response.read()
        return json.loads(text) if text else None

    def dags(self) -> dict[str, Any]:
        """The DAGs that Airflow has parsed, by id."""
        return {dag["dag_id"]: dag for dag in self.call("GET", "/dags?limit=100")["dags"]}

    def trigger(self, dag_id: str, run_id: str) -> None:
        """Start a run as soon as Airflow has parsed the DAG."""
        poll(f"{dag_id} is parsed", lambda: dag_id in self.dags(), timeout=60)
        self.call("PATCH", f"/dags/{dag_id}", {"is_paused": False})
        self.call("POST", f"/dags/{dag_id}/dagRuns", {"dag_run_id": run_id})

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def wait(self, dag_id: str, run_id: str, timeout: float = 120) -> str:
        """State in which the run has ended. A webserver that is just being restarted is asked again."""

        def ended() -> str | None:
            try:
                state = self.run_state(dag_id, run_id)
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                return None
            return state if state in ENDED else None

        return poll(f"{dag_id} {run_id} ends", ended, timeout)

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run."""
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=100")
        return list(found["task_instances"])

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1, map_index: int = -1) -> str:
        """A task's log, as the UI shows it."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        return str(self.call("GET", f"{path}?full_content=true&map_index={map_index}")["content"])

    def _login(self, username: str, password: str) -> None:
        page = self._get("/login/")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, f"no login form at {self.url}/login/"
        form = urllib.parse.urlencode({"csrf_token": token[1], "username": username, "password": password})
        with self._opener.open(f"{self.url}/login/", form.encode(), timeout=60) as response:
            assert "/login" not in response.url, "the login was refused"

    def _get(self, path: str) -> str:
        with self._opener.open(f"{self.url}{path}", timeout=60) as response:
            return str(response.read().decode())
