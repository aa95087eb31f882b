"""Kombu's transport for Amazon SQS, with another way of receiving.

Kombu 5.4 receives by pycurl in the worker's event loop. That does not check certificates, gives up after the 20 seconds
that SQS may take to answer, and so loses a message that comes in that moment; and after some errors it asks no more,
while the worker looks well (https://github.com/celery/kombu/issues/1127, https://github.com/celery/celery/issues/8243).
Here threads receive and delete with boto3, which does all that right. Sending is Kombu's.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

from kombu.transport import SQS, virtual

from airflow_stack_runtime.boot.sqs_receiver import Deleter, Receiver
from airflow_stack_runtime.probes import alive

STUCK = 180.0
"""Seconds without a turn of the receiving. One request with its repetitions takes half of it at most."""

_receivers: list[Receiver] = []
_deleter = Deleter()


class Channel(SQS.Channel):
    """A channel whose queues are received by threads."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        """Take Kombu's arguments."""
        self._by_queue: dict[str, Receiver] = {}
        self.turned = time.monotonic()
        super().__init__(*arguments, **options)

    def basic_consume(self, queue: str, no_ack: bool, *arguments: Any, **options: Any) -> Any:
        """Start receiving, where there is an event loop: in a worker."""
        if self.hub and queue not in self._by_queue:
            client = self.sqs(queue=self.canonical_queue_name(queue))
            receiver = Receiver(client, self._new_queue(queue), self.wait_time_seconds)
            _receivers[:] = [*(earlier for earlier in _receivers if not earlier.join(0)), receiver]
            self._by_queue[queue] = receiver
            self.hub.add_reader(receiver.readable, self._received, queue)
            self._beat()
            self.hub.call_repeatedly(alive.INTERVAL, self._beat)
        return super().basic_consume(queue, no_ack, *arguments, **options)

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:
        """Have the message deleted, and take it as done: its place in this worker is free."""
        info = self.qos.get(delivery_tag).delivery_info
        client = self.sqs(queue=self.canonical_queue_name(info["routing_key"]))
        _deleter.delete(client, info["sqs_queue"], info["sqs_message"]["ReceiptHandle"])
        virtual.Channel.basic_ack(self, delivery_tag, multiple)

    def close(self) -> None:
        """Stop receiving; what is received but not begun goes back to the queue."""
        for receiver in self._by_queue.values():
            with contextlib.suppress(Exception):
                self.hub.remove(receiver.readable)
            receiver.close()
        self._by_queue.clear()
        super().close()

    def _schedule_queue(self, queue: str) -> None:
        """Ask for as many messages as the worker has room for, or look again at the loop's next turn."""
        self.turned = time.monotonic()
        if queue not in self._active_queues or queue not in self._by_queue:
            return
        if self.qos.can_consume():
            self._by_queue[queue].ask(self._get_message_estimate())
        else:
            self._loop1(queue)

    def _received(self, queue: str) -> None:
        for messages in self._by_queue[queue].take():
            for message in messages:
                payload = self._message_to_python(message, queue, self._new_queue(queue))
                self.connection._callbacks[queue](payload)
            self._loop1(queue)

    def _beat(self) -> None:
        if time.monotonic() - self.turned < STUCK:
            alive.beat()


class Transport(SQS.Transport):
    """Kombu's, with our channel."""

    Channel = Channel


def install() -> None:
    """Make ``sqs://`` mean this transport."""
    from kombu.transport import TRANSPORT_ALIASES

    TRANSPORT_ALIASES["sqs"] = f"{__name__}:Transport"


def warm_up(app: Any) -> None:
    """Build boto3's client now. Else the scheduler's first send does, under a timer of one second."""
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.sqs(queue=channel.canonical_queue_name(app.conf.task_default_queue))


def join(timeout: float) -> None:
    """Let the threads end before the process does: they may hold messages that must go back, or be deleted."""
    end = time.monotonic() + timeout
    for receiver in _receivers:
        receiver.close()
        receiver.join(max(0.0, end - time.monotonic()))
    _deleter.join(max(1.0, end - time.monotonic()))
