"""Stands for the log router in a rehearsal: Fluentd's forward protocol in, Firehose out. In a container.

It does of Fluent Bit what FireLens asks of it, and refuses an option that it does not know.
https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1
"""

from __future__ import annotations

import gzip
import json
import os
import queue
import signal
import socketserver
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgpack

PORT = 24224
EVERY = 1.0
# Of the Docker driver's lines none is above 16 KiB, and Firehose takes 4 MiB in a call.
BATCH = 200
OUTPUT = "kinesis_firehose"
OPTIONS = {"Name", "delivery_stream", "region", "time_key", "time_key_format"}
# What tags begin with is the container's name; the task's id follows.
TAG = "-firelens-"

Event = tuple[str, datetime, dict[str, Any]]
"""Tag, time in UTC, record."""


def read(message: list[Any]) -> tuple[list[Event], str | None]:
    """The events of one message, in any of the protocol's modes, and the chunk that the sender waits to be told."""
    tag, second = message[:2]
    is_single = not isinstance(second, list | bytes)  # mode "message", which is what Docker sends
    options = dict(enumerate(message)).get(3 if is_single else 2) or {}
    if is_single:
        entries = [message[1:3]]
    elif isinstance(second, list):
        entries = second
    else:
        entries = list(unpacker(gzip.decompress(second) if options.get("compressed") == "gzip" else second))
    return [(tag, _time(time), record) for time, record in entries], options.get("chunk")


def line(event: Event, options: Mapping[str, str], metadata: Mapping[str, str]) -> bytes:
    """A record as the plugin kinesis_firehose writes it: one line of JSON."""
    tag, time, record = event
    # Docker's name of a container is its own; Fargate sends the one of the task definition.
    named = {"container_name": tag.partition(TAG)[0]}
    stamp = {}
    if key := options.get("time_key"):
        milliseconds = f"{time.microsecond // 1000:03}"
        stamp[key] = time.strftime(options.get("time_key_format", "%Y-%m-%dT%H:%M:%S").replace("%3N", milliseconds))
    return json.dumps(record | named | dict(metadata) | stamp).encode() + b"\n"


def checked(outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, Mapping[str, str]]:
    """Options by container. Raises ValueError for those that Fluent Bit would take, and this does not."""
    for container, options in outputs.items():
        unknown = sorted(options.keys() - OPTIONS)
        if options["Name"] != OUTPUT or unknown:
            raise ValueError(f"{container}: the log router's stand-in knows no {', '.join(unknown) or options['Name']}")
    return outputs


def _time(value: Any) -> datetime:
    """Seconds, or the protocol's EventTime: seconds and nanoseconds, 32 bits each."""
    if isinstance(value, msgpack.ExtType):
        seconds, nanoseconds = int.from_bytes(value.data[:4], "big"), int.from_bytes(value.data[4:], "big")
        return datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return datetime.fromtimestamp(value, UTC)


def unpacker(data: bytes = b"") -> Any:
    """Gives the messages of what it is fed, as soon as they are whole."""
    made = msgpack.Unpacker(raw=False, unicode_errors="replace", strict_map_key=False)
    made.feed(data)
    return made


class Server(socketserver.ThreadingTCPServer):
    """Puts what arrives into a queue."""

    allow_reuse_address = True

    def __init__(self, address: tuple[str, int]) -> None:
        """Listens at once."""
        self.received: queue.Queue[Event] = queue.Queue()
        self.ending = threading.Event()
        super().__init__(address, Connection)

    def end(self) -> None:
        """Read what is on its way, and listen no more."""
        self.ending.set()
        self.shutdown()
        self.server_close()  # waits for the connections


class Connection(socketserver.BaseRequestHandler):
    """One container's lines."""

    server: Server

    def handle(self) -> None:
        messages = unpacker()
        self.request.settimeout(0.5)
        while True:
            try:
                data = self.request.recv(65_536)
            except TimeoutError:
                if self.server.ending.is_set():
                    return
                continue
            if not data:
                return
            messages.feed(data)
            for message in messages:
                events, chunk = read(message)
                for event in events:
                    self.server.received.put(event)
                if chunk:
                    self.request.sendall(msgpack.packb({"ack": chunk}))


def deliver(
    received: queue.Queue[Event], client: Any, outputs: Mapping[str, Mapping[str, str]], metadata: Mapping[str, str]
) -> int:
    """Put what has arrived into Firehose. Returns how many records. Raises RuntimeError where Firehose refuses some."""
    waiting: dict[str, list[bytes]] = {}
    while not received.empty():
        event = received.get()
        options = outputs[event[0].partition(TAG)[0]]
        waiting.setdefault(options["delivery_stream"], []).append(line(event, options, metadata))
    for stream, lines in waiting.items():
        for start in range(0, len(lines), BATCH):
            batch = [{"Data": one} for one in lines[start : start + BATCH]]
            answer = client.put_record_batch(DeliveryStreamName=stream, Records=batch)
            if answer["FailedPutCount"]:
                raise RuntimeError(f"Firehose refused {answer['FailedPutCount']} records")
    return sum(map(len, waiting.values()))


def main() -> None:
    """Listen, and deliver every second, until SIGTERM; then what is left."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    config = json.loads(os.environ["AIRFLOW_STACK_FIRELENS"])
    outputs, metadata = checked(config["outputs"]), config["metadata"]
    server = Server(("0.0.0.0", PORT))  # noqa: S104 - of the rehearsal's own network
    threading.Thread(target=server.serve_forever, daemon=True).start()
    import boto3  # takes a second, in which lines may come already

    (region,) = {options["region"] for options in outputs.values()}
    client = boto3.client("firehose", region_name=region)
    total = 0
    while not ended.wait(EVERY):
        total += deliver(server.received, client, outputs, metadata)
    server.end()
    total += deliver(server.received, client, outputs, metadata)
    print(f"delivered {total} records", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
