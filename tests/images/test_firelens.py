"""images/rehearsal/firelens.py: what stands for the log router in a rehearsal."""

from __future__ import annotations

import gzip
import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

# pip's own: the image of the rehearsal has the library, and these tests need no more of it.
import msgpack
import pytest
from loading import load

STAND_IN = Path(__file__).parents[2] / "images" / "rehearsal" / "firelens.py"
TAG = "scheduler-firelens-scheduler-1"
OPTIONS = {
    "Name": "kinesis_firehose",
    "delivery_stream": "logs",
    "region": "us-east-1",
    "time_key": "time",
    "time_key_format": "%Y-%m-%dT%H:%M:%S.%3NZ",
}
TIME = datetime(2024, 2, 3, 4, 5, 6, 78_900, UTC)
RECORD = {"log": "a line", "source": "stdout", "container_id": "1f", "container_name": "/rehearsal-scheduler-1"}
METADATA = {"ecs_cluster": "airflow", "ecs_task_arn": "arn:x/scheduler-1", "ecs_task_definition": "scheduler:1"}


@pytest.fixture
def stand_in() -> ModuleType:
    """The program as a module."""
    return load(STAND_IN)


def event_time(time: datetime) -> Any:
    """As Docker sends it with fluentd-sub-second-precision."""
    whole = int(time.timestamp()).to_bytes(4, "big")
    return msgpack.ExtType(0, whole + (time.microsecond * 1000).to_bytes(4, "big"))


PACKED = msgpack.packb([event_time(TIME), RECORD]) * 2


@pytest.mark.parametrize(
    ("message", "count", "chunk"),
    [
        ([TAG, event_time(TIME), RECORD], 1, None),
        ([TAG, event_time(TIME), RECORD, None], 1, None),
        ([TAG, event_time(TIME), RECORD, {"chunk": "c1"}], 1, "c1"),
        ([TAG, [[event_time(TIME), RECORD], [event_time(TIME), RECORD]], {"chunk": "c2"}], 2, "c2"),
        ([TAG, PACKED], 2, None),
        ([TAG, gzip.compress(PACKED), {"compressed": "gzip", "chunk": "c3"}], 2, "c3"),
    ],
)
def test_every_mode_of_the_protocol(stand_in: ModuleType, message: list[Any], count: int, chunk: str | None) -> None:
    """Rule: message, forward, packed and compressed give the same events, and the chunk where there is one."""
    (whole,) = stand_in.unpacker(msgpack.packb(message))
    assert stand_in.read(whole) == ([(TAG, TIME, RECORD)] * count, chunk)


def test_a_time_of_whole_seconds(stand_in: ModuleType) -> None:
    """Rule: an integer is a time as well."""
    assert stand_in.read([TAG, 1, RECORD])[0][0][1] == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)


def test_a_message_in_pieces_and_a_byte_that_is_no_text(stand_in: ModuleType) -> None:
    """Rule: what comes in pieces is read when it is whole, and a line of any bytes is a line."""
    data = msgpack.packb([TAG, 1, {"log": "x"}]).replace(b"x", b"\xff")
    messages = stand_in.unpacker()
    messages.feed(data[:20])
    assert list(messages) == []
    messages.feed(data[20:])
    assert list(messages) == [[TAG, 1, {"log": "\N{REPLACEMENT CHARACTER}"}]]


def test_a_line_has_what_the_table_has(stand_in: ModuleType) -> None:
    """Rule: the record, the fields of ECS, the time under its key with milliseconds, the container's own name."""
    line = stand_in.line((TAG, TIME, RECORD), OPTIONS, METADATA)
    assert line.endswith(b"\n")
    assert json.loads(line) == RECORD | METADATA | {"time": "2024-02-03T04:05:06.078Z", "container_name": "scheduler"}


def test_without_a_key_there_is_no_time(stand_in: ModuleType) -> None:
    """Rule: as in Fluent Bit, which writes none unless it is told how."""
    options = {key: value for key, value in OPTIONS.items() if not key.startswith("time")}
    assert "time" not in json.loads(stand_in.line((TAG, TIME, RECORD), options, METADATA))


@pytest.mark.parametrize(
    ("options", "words"),
    [(OPTIONS | {"Name": "s3"}, "knows no s3"), (OPTIONS | {"data_keys": "log"}, "knows no data_keys")],
)
def test_what_it_does_not_know_is_refused(stand_in: ModuleType, options: dict[str, str], words: str) -> None:
    """Rule: an option that would be passed over is an error: the rehearsal must not prove what it has not done."""
    assert stand_in.checked({"scheduler": OPTIONS}) == {"scheduler": OPTIONS}
    with pytest.raises(ValueError, match=words):
        stand_in.checked({"scheduler": options})


class Firehose:
    """Keeps what it is given."""

    def __init__(self, refused: int = 0) -> None:
        """``refused``: how many of a call it says it has not taken."""
        self.calls: list[tuple[str, list[bytes]]] = []
        self._refused = refused

    def put_record_batch(self, DeliveryStreamName: str, Records: list[dict[str, bytes]]) -> dict[str, int]:  # noqa: N803
        self.calls.append((DeliveryStreamName, [one["Data"] for one in Records]))
        return {"FailedPutCount": self._refused}


@pytest.fixture
def server(stand_in: ModuleType) -> Iterator[Any]:
    """The stand-in's, listening."""
    made = stand_in.Server(("127.0.0.1", 0))
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield made
    made.end()


def test_what_containers_send_is_in_firehose(stand_in: ModuleType, server: Any) -> None:
    """Rule: lines of several connections arrive all, by the stream of their container, in calls that Firehose takes."""
    connections = [socket.create_connection(server.server_address) for _ in range(2)]
    for connection, name in zip(connections, ("scheduler", "metrics"), strict=True):
        for number in range(stand_in.BATCH + 1):
            record = RECORD | {"log": f"{name} {number}"}
            connection.sendall(msgpack.packb([f"{name}-firelens-scheduler-1", event_time(TIME), record]))
    connections[0].sendall(msgpack.packb([TAG, 1, RECORD, {"chunk": "c"}]))
    assert msgpack.unpackb(connections[0].recv(100)) == {"ack": "c"}
    for connection in connections:
        connection.close()
    server.end()
    firehose = Firehose()
    outputs = {"scheduler": OPTIONS, "metrics": OPTIONS | {"delivery_stream": "others"}}
    total = 2 * stand_in.BATCH + 3
    assert stand_in.deliver(server.received, firehose, outputs, METADATA) == total
    assert all(len(lines) <= stand_in.BATCH for _, lines in firehose.calls)
    logs = {stream: [json.loads(line)["log"] for to, lines in firehose.calls if to == stream for line in lines]
            for stream in ("logs", "others")}  # fmt: skip
    assert logs["others"] == [f"metrics {number}" for number in range(stand_in.BATCH + 1)]
    assert logs["logs"] == [*(f"scheduler {number}" for number in range(stand_in.BATCH + 1)), "a line"]


def test_what_firehose_refuses_is_an_error(stand_in: ModuleType, server: Any) -> None:
    """Rule: a line is lost aloud."""
    server.received.put((TAG, TIME, RECORD))
    with pytest.raises(RuntimeError, match="refused 1"):
        stand_in.deliver(server.received, Firehose(refused=1), {"scheduler": OPTIONS}, METADATA)
