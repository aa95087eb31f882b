"""sqs_receiver.py and sqs_transport.py: no message is lost, and no failure ends the receiving."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow_stack_runtime.boot import sqs_receiver
from airflow_stack_runtime.boot.sqs_receiver import Deleter, Receiver
from airflow_stack_runtime.probes import alive
from moto import mock_aws

QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/q"


class Sqs:
    """boto3's client, as far as it is used: one list of messages an answer, which a test lets through."""

    def __init__(self) -> None:
        """Empty."""
        self.answers: list[Any] = []
        self.free = threading.Semaphore(0)
        self.asked: list[dict[str, Any]] = []
        self.given_back: list[tuple[str, int]] = []
        self.deleted: list[str] = []
        self.broken = 0

    def receive_message(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        self.free.acquire()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"Messages": [{"ReceiptHandle": name, "Body": name} for name in answer]} if answer else {}

    def answer(self, *messages: str, error: Exception | None = None) -> None:
        self.answers.append(error or list(messages))
        self.free.release()

    def change_message_visibility(self, **request: Any) -> None:
        self.given_back.append((request["ReceiptHandle"], request["VisibilityTimeout"]))

    def delete_message(self, **request: Any) -> None:
        if self.broken:
            self.broken -= 1
            raise ConnectionError("unreachable")
        self.deleted.append(request["ReceiptHandle"])


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqs_receiver, "PAUSE", 0.02)


@pytest.fixture
def sqs() -> Sqs:
    """A queue."""
    return Sqs()


@pytest.fixture
def receiver(sqs: Sqs) -> Iterator[Receiver]:
    """Of that queue."""
    made = Receiver(sqs, QUEUE, 20)
    yield made
    made.close()
    sqs.answer()
    assert made.join(5)


def wait_for(condition: Callable[[], bool]) -> None:
    """Up to five seconds."""
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def taken(receiver: Receiver) -> list[list[str]]:
    """What an event loop would see: waits until it is woken."""
    assert select.select([receiver.readable], [], [], 5)[0]
    return [[message["Body"] for message in messages] for messages in receiver.take()]


def test_each_request_has_one_answer(sqs: Sqs, receiver: Receiver) -> None:
    """An empty one too: it lets the loop ask again."""
    receiver.ask(7)
    sqs.answer("a", "b")
    assert taken(receiver) == [["a", "b"]]
    assert sqs.asked == [{"QueueUrl": QUEUE, "MaxNumberOfMessages": 7, "WaitTimeSeconds": 20}]
    receiver.ask(1)
    sqs.answer()
    assert taken(receiver) == [[]]
    assert not select.select([receiver.readable], [], [], 0)[0]


def test_a_failure_is_an_empty_answer(sqs: Sqs, receiver: Receiver) -> None:
    """Kombu's own receiving stops for ever after some of them."""
    for number in range(3):
        receiver.ask(1)
        sqs.answer(error=ConnectionError(f"unreachable {number}"))
        assert taken(receiver) == [[]]
    receiver.ask(1)
    sqs.answer("a")
    assert taken(receiver) == [["a"]]


def test_pauses_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    """An SQS that refuses at once is not asked in a loop."""
    monkeypatch.undo()
    assert [sqs_receiver._pause(failures) for failures in (1, 2, 3, 6, 1000)] == [1, 2, 4, 30, 30]


def test_what_comes_after_the_end_goes_back(sqs: Sqs) -> None:
    """Else nobody sees it until the visibility timeout: twelve hours."""
    receiver = Receiver(sqs, QUEUE, 20)
    receiver.ask(5)
    wait_for(lambda: len(sqs.asked) == 1)
    receiver.close()
    receiver.close()
    assert not receiver.join(0.05)
    sqs.answer("a", "b")
    assert receiver.join(5)
    assert sqs.given_back == [("a", 0), ("b", 0)]


def test_what_nobody_took_goes_back(sqs: Sqs) -> None:
    """Received, but the loop did not come to it."""
    receiver = Receiver(sqs, QUEUE, 20)
    receiver.ask(5)
    sqs.answer("a")
    assert select.select([receiver.readable], [], [], 5)[0]
    receiver.close()
    assert receiver.join(5)
    assert sqs.given_back == [("a", 0)]


def test_a_deletion_is_repeated(sqs: Sqs) -> None:
    """A message that is not deleted would be delivered again."""
    sqs.broken = 3
    deleter = Deleter()
    deleter.delete(sqs, QUEUE, "a")
    deleter.delete(sqs, QUEUE, "b")
    wait_for(lambda: len(sqs.deleted) == 2)
    assert sqs.deleted == ["a", "b"]
    assert deleter.join(5)


def test_the_end_does_not_wait_for_a_broken_sqs(sqs: Sqs) -> None:
    """Each message has one more try."""
    sqs.broken = 10**6
    deleter = Deleter()
    assert deleter.join(1)
    for name in "abc":
        deleter.delete(sqs, QUEUE, name)
    assert deleter.join(5)
    assert sqs.deleted == []


@mock_aws
def test_with_boto3() -> None:
    """The requests are those of the real client."""
    client = boto3.client("sqs", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    url = client.create_queue(QueueName="q")["QueueUrl"]
    client.send_message(QueueUrl=url, MessageBody="hello")
    receiver = Receiver(client, url, 1)
    receiver.ask(1)
    assert taken(receiver) == [["hello"]]
    client.send_message(QueueUrl=url, MessageBody="again")
    receiver.ask(1)
    assert select.select([receiver.readable], [], [], 5)[0]
    receiver.close()
    assert receiver.join(5)
    message = client.receive_message(QueueUrl=url)["Messages"][0]
    assert message["Body"] == "again"
    deleter = Deleter()
    deleter.delete(client, url, message["ReceiptHandle"])
    assert deleter.join(5)
    counts = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "1"  # the first, which nobody has deleted


class KombuChannel:
    """Kombu's channel of SQS, as far as ours builds on it."""

    def __init__(self, hub: Any, client: Any) -> None:
        self.hub, self.client = hub, client
        self.wait_time_seconds = 20
        self._active_queues: list[str] = []
        self.room = 2
        self.qos = SimpleNamespace(can_consume=lambda: self.room > 0, get=lambda tag: self.messages[tag])
        self.messages: dict[str, Any] = {}
        self.got: list[str] = []
        self.connection = SimpleNamespace(_callbacks={"default": self._got})
        self.closed = False

    def _got(self, payload: str) -> None:
        self.got.append(payload)
        self.room -= 1

    def basic_consume(self, queue: str, _no_ack: bool) -> None:
        self._loop1(queue)
        self._active_queues.append(queue)

    def _schedule_queue(self, queue: str) -> None:
        raise AssertionError(f"{queue}: the stack's channel has its own")

    def _loop1(self, queue: str) -> None:
        self.hub.soon.append(lambda: self._schedule_queue(queue))

    def _message_to_python(self, message: dict[str, str], _queue: str, url: str) -> str:
        assert url == QUEUE
        return message["Body"]

    canonical_queue_name = staticmethod(lambda queue: queue)
    _new_queue = staticmethod(lambda _queue: QUEUE)
    _get_message_estimate = property(lambda self: lambda: self.room)

    def sqs(self, queue: str) -> Any:
        return self.client if queue == "default" else None

    def close(self) -> None:
        self.closed = True


class Hub:
    """Kombu's event loop, turned by hand."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []
        self.readers: dict[int, Callable[[], None]] = {}
        self.repeated: list[Callable[[], None]] = []

    def add_reader(self, fd: int, callback: Callable[[str], None], queue: str) -> None:
        self.readers[fd] = lambda: callback(queue)

    def remove(self, fd: int) -> None:
        del self.readers[fd]

    def call_repeatedly(self, _seconds: float, callback: Callable[[], None]) -> None:
        self.repeated.append(callback)

    def turn(self) -> None:
        soon, self.soon = self.soon, []
        for callback in soon:
            callback()
        for fd in select.select(list(self.readers), [], [], 0 if self.soon else 5)[0]:
            self.readers[fd]()


@pytest.fixture
def transport(stand_in: Callable[..., ModuleType], fresh: Callable[[str], ModuleType]) -> ModuleType:
    """The module, over stand-ins for Kombu."""
    virtual = SimpleNamespace(
        Channel=SimpleNamespace(basic_ack=lambda channel, tag, _multiple: channel.got.append(tag))
    )
    kombu = SimpleNamespace(Channel=KombuChannel, Transport=object)
    stand_in("kombu.transport", SQS=kombu, virtual=virtual, TRANSPORT_ALIASES={"sqs": "kombu.transport.SQS:Transport"})
    return fresh("boot.sqs_transport")


def test_a_channel_asks_for_what_it_has_room_for(
    transport: ModuleType, sqs: Sqs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full worker asks for nothing, and for the rest as soon as a task ends; it gives signs of life all the time."""
    beats: list[None] = []
    monkeypatch.setattr(alive, "beat", lambda: beats.append(None))
    hub = Hub()
    channel = transport.Channel(hub, sqs)
    channel.basic_consume("default", False)
    assert len(beats) == 1
    sqs.answer("a")
    hub.turn()
    assert channel.got == ["a"]
    sqs.answer("b")
    hub.turn()
    for _ in range(3):
        hub.turn()
    assert [request["MaxNumberOfMessages"] for request in sqs.asked] == [2, 1]
    hub.repeated[0]()
    assert len(beats) == 2
    channel.room = 1
    sqs.answer("c")
    hub.turn()
    assert channel.got == ["a", "b", "c"]
    # Receiving that does not turn is no life, though the loop does.
    channel.turned -= transport.STUCK + 1
    hub.repeated[0]()
    assert len(beats) == 2
    channel.close()
    assert channel.closed
    assert not hub.readers
    assert all(receiver._closed.is_set() for receiver in transport._receivers)
    transport.join(5)


def test_an_acknowledgement_frees_the_place_at_once(transport: ModuleType, sqs: Sqs) -> None:
    """Whether SQS can be reached or not: else a worker is full of tasks that are over."""
    channel = transport.Channel(Hub(), sqs)
    info = {"routing_key": "default", "sqs_queue": QUEUE, "sqs_message": {"ReceiptHandle": "receipt"}}
    channel.messages["tag"] = SimpleNamespace(delivery_info=info)
    sqs.broken = 2
    channel.basic_ack("tag")
    assert channel.got == ["tag"]
    transport.join(5)
    assert sqs.broken < 2


def test_the_scheduler_does_not_receive(transport: ModuleType, sqs: Sqs) -> None:
    """It has no event loop: no thread, no pipe."""
    channel = transport.Channel(None, sqs)
    channel._loop1 = lambda _queue: None
    channel.basic_consume("default", False)
    assert not channel._by_queue


def test_sqs_means_this_transport(transport: ModuleType) -> None:
    """By Kombu's own table of names."""
    import kombu.transport

    transport.install()
    assert kombu.transport.TRANSPORT_ALIASES["sqs"] == "airflow_stack_runtime.boot.sqs_transport:Transport"
