"""What ECS itself answers to a running task: scale-in protection, and how many tasks a service has."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PROTECTION = "/task-protection/v1/state"
# https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html


class EcsAgent:
    """An HTTP server for the containers of the rehearsal alone: it listens on their network's gateway."""

    def __init__(self, address: str, running: Callable[[str], int]) -> None:
        """``running`` tells how many tasks of a service run, by the service's name."""
        self.protected: dict[str, bool] = {}
        """Whether each task is protected, as it has said last."""
        self.history: dict[str, list[bool]] = {}
        """Everything that each task has said."""
        self._running = running
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                task, _, path = self.path.lstrip("/").partition("/")
                if f"/{path}" != PROTECTION:
                    self._answer(404, {})
                    return
                wish = self._body()
                enabled = bool(wish["ProtectionEnabled"])
                agent.protected[task] = enabled
                agent.history.setdefault(task, []).append(enabled)
                self._answer(200, {"protection": {"ProtectionEnabled": enabled, "TaskArn": task}})

            def do_GET(self) -> None:
                task = self.path.lstrip("/").partition("/")[0]
                self._answer(200, {"protection": {"ProtectionEnabled": agent.protected.get(task, False)}})

            def do_POST(self) -> None:
                if not self.headers.get("X-Amz-Target", "").endswith(".DescribeServices"):
                    self._answer(400, {"__type": "InvalidAction", "message": "DescribeServices alone is known"})
                    return
                services = [
                    {"serviceName": name.rpartition("/")[2], "runningCount": count, "desiredCount": count,
                     "pendingCount": 0, "status": "ACTIVE"}
                    for name in self._body()["services"]
                    for count in [agent._running(name.rpartition("/")[2])]
                ]  # fmt: skip
                self._answer(200, {"services": services, "failures": []})

            def _body(self) -> Any:
                return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

            def _answer(self, status: int, body: dict[str, Any]) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Nothing: the rehearsal says what matters."""

        self._server = ThreadingHTTPServer((address, 0), Handler)
        self.url = f"http://{address}:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
