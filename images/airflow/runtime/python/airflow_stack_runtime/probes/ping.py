"""Celery's ``inspect active_queues`` for one worker, over a Redis broker without Celery, Kombu or redis-py.

They take 260 ms to import, which two workers would pay at every probe. The messages are those of Kombu's mailbox for
remote control (``kombu/pidbox.py``, ``kombu/transport/redis.py``); any other broker is left to Kombu itself.
"""

from __future__ import annotations

import base64
import json
import socket
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from airflow_stack_runtime.database import add_site_packages

MAILBOX = "celery.pidbox"
SEPARATOR = "\x06\x16"
"""Between routing key, pattern and queue in the set of a Redis exchange's bindings."""


METHOD = "active_queues"
"""A ping alone is answered too by a worker that has lost its queues: https://github.com/apache/airflow/issues/63580"""


def queues_of(node: str, broker_url: str, timeout: float) -> frozenset[str] | None:
    """Queues that the worker with this node name takes tasks from; None where it does not answer through the broker
    within ``timeout`` seconds.
    """
    ask = _ask_redis if urlsplit(broker_url).scheme == "redis" else _ask_kombu
    answers = ask(node, broker_url, timeout)
    if not isinstance(found := answers.get(node), list):
        return None
    return frozenset(queue["name"] for queue in found)


class Redis:
    """The few commands that the ping needs, spoken over a socket."""

    def __init__(self, url: str, timeout: float) -> None:
        """Connect and log in; the URL is ``redis://[user]:[password]@host[:port][/database]``."""
        parts = urlsplit(url)
        self.database = parts.path.strip("/") or "0"
        self.socket = socket.create_connection((parts.hostname or "localhost", parts.port or 6379), timeout=timeout)
        self.reader = self.socket.makefile("rb")
        if parts.password:
            user = [unquote(parts.username)] if parts.username else []
            self.call("AUTH", *user, unquote(parts.password))
        if self.database != "0":
            self.call("SELECT", self.database)

    def call(self, *words: str) -> Any:
        """Send one command and return its answer: an int, bytes, a list of them, or None."""
        encoded = [word.encode() for word in words]
        request = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self.socket.sendall(request)
        return self._answer()

    def _answer(self) -> Any:
        line = self.reader.readline().rstrip(b"\r\n")
        kind, rest = line[:1], line[1:]
        if kind == b"-":
            raise OSError(f"Redis refuses: {rest.decode().split(' ', 1)[0]}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._answer() for _ in range(int(rest))]
        if kind != b"+":
            raise OSError("Redis closed the connection")
        return rest


def _ask_redis(node: str, url: str, timeout: float) -> Mapping[str, Any]:
    redis = Redis(url, timeout + 1)
    ticket, key = str(uuid.uuid4()), str(uuid.uuid4())
    bindings, queue = f"_kombu.binding.reply.{MAILBOX}", f"{key}.reply.{MAILBOX}"
    binding = SEPARATOR.join((key, "", queue))
    request = {
        "method": METHOD,
        "arguments": {},
        "destination": [node],
        "pattern": None,
        "matcher": None,
        "ticket": ticket,
        "reply_to": {"exchange": f"reply.{MAILBOX}", "routing_key": key},
    }
    message = {
        "body": base64.b64encode(json.dumps(request).encode()).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": time.time() + timeout},
        "properties": {
            "delivery_mode": 2,
            "delivery_info": {"exchange": MAILBOX, "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": ticket,
        },
    }
    redis.call("SADD", bindings, binding)
    try:
        if not redis.call("PUBLISH", f"/{redis.database}.{MAILBOX}", json.dumps(message)):
            return {}
        answer = redis.call("BRPOP", queue, str(int(timeout)))
        if answer is None:
            return {}
        found: dict[str, Any] = json.loads(base64.b64decode(json.loads(answer[1])["body"]))
        return found
    finally:
        redis.call("SREM", bindings, binding)
        redis.call("DEL", queue)


def _ask_kombu(node: str, url: str, timeout: float) -> Mapping[str, Any]:
    add_site_packages()
    from kombu import Connection
    from kombu.pidbox import Mailbox

    with Connection(url, connect_timeout=timeout) as connection:
        mailbox = Mailbox("celery", type="fanout", accept=["json"])
        answers = mailbox(connection).call([node], METHOD, timeout=timeout) or []
    return {name: said for answer in answers for name, said in answer.items()}
