"""Receives and deletes messages of SQS in threads, with boto3, for an event loop that must not wait."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from queue import SimpleQueue
from typing import Any

log = logging.getLogger(__name__)

PAUSE = 30.0
"""Seconds between two requests at most, while SQS refuses or does not answer."""


def _pause(failures: int) -> float:
    return min(2.0 ** min(failures - 1, 10), PAUSE)


class Receiver:
    """Answers each ``ask`` with one list of messages, and says so by making ``readable`` readable.

    A request that is under way cannot be taken back: what SQS still sends after ``close``, the receiver gives back to
    the queue. Else nobody would see these messages until the queue's visibility timeout, hours later.
    """

    def __init__(self, client: Any, url: str, wait: int) -> None:
        """``client`` is boto3's for SQS; its read timeout must exceed ``wait``: seconds that an empty queue takes."""
        self.readable, self._writable = os.pipe()
        os.set_blocking(self.readable, False)
        self._client, self._url, self._wait = client, url, wait
        self._asked: SimpleQueue[int | None] = SimpleQueue()
        self._answers: deque[list[dict[str, Any]]] = deque()
        self._guard = threading.Lock()
        self._closed = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="sqs-receiver", daemon=True)
        self._thread.start()

    def ask(self, count: int) -> None:
        """Have up to ``count`` messages received."""
        self._asked.put(count)

    def take(self) -> list[list[dict[str, Any]]]:
        """Return the answers that are there."""
        with contextlib.suppress(BlockingIOError):
            os.read(self.readable, 4096)
        with self._guard:
            answers = list(self._answers)
            self._answers.clear()
        return answers

    def close(self) -> None:
        """Take no more. Does not wait."""
        with self._guard:
            if self._closed.is_set():
                return
            self._closed.set()
            os.close(self.readable)
        self._asked.put(None)

    def join(self, timeout: float) -> bool:
        """Wait until a closed receiver has given back what it had; False if that takes longer."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (count := self._asked.get()) is not None and not self._closed.is_set():
            messages = self._receive(count)
            with self._guard:
                self._answers.append(messages)
                if not self._closed.is_set():
                    os.write(self._writable, b".")
        for messages in self._answers:
            self._give_back(messages)
        os.close(self._writable)

    def _receive(self, count: int) -> list[dict[str, Any]]:
        """Return messages; none after a failure, and a pause that grows, so that nothing is asked in a loop."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self._url, MaxNumberOfMessages=count, WaitTimeSeconds=self._wait
            )
        except Exception as error:
            self._failures += 1
            log.error("SQS gives no messages, trying again: %s: %s", type(error).__name__, error)
            self._closed.wait(_pause(self._failures))
            return []
        if self._failures:
            log.warning("SQS gives messages again.")
        self._failures = 0
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    def _give_back(self, messages: list[dict[str, Any]]) -> None:
        for message in messages:
            try:
                self._client.change_message_visibility(
                    QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )
            except Exception as error:
                log.error("A message could not be given back to SQS: %s: %s", type(error).__name__, error)


class Deleter:
    """Deletes messages whose tasks are over, and repeats it until SQS has done it.

    In the event loop a deletion that fails would be tried once: the message would come again after hours, and take one
    of the worker's places until it ends.
    """

    def __init__(self) -> None:
        """The thread starts with the first message."""
        self._work: SimpleQueue[tuple[Any, str, str] | None] = SimpleQueue()
        self._leaving = threading.Event()
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None

    def delete(self, client: Any, url: str, receipt: str) -> None:
        """Have a message deleted. Does not wait."""
        with self._guard:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sqs-deleter", daemon=True)
                self._thread.start()
        self._work.put((client, url, receipt))

    def join(self, timeout: float) -> bool:
        """Wait until all is deleted, or has failed once more; False if that takes longer."""
        if self._thread is None:
            return True
        self._leaving.set()
        self._work.put(None)
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            client, url, receipt = work
            failures = 0
            while not self._deleted(client, url, receipt):
                failures += 1
                if self._leaving.wait(_pause(failures)):
                    break

    def _deleted(self, client: Any, url: str, receipt: str) -> bool:
        """Whether there is nothing more to do about this message."""
        try:
            client.delete_message(QueueUrl=url, ReceiptHandle=receipt)
        except Exception as error:
            # The receipt has run out: the message was visible again, and another worker has it.
            gone = "ReceiptHandleIsInvalid" in type(error).__name__ or "ReceiptHandleIsInvalid" in str(error)
            how = "is gone already" if gone else "is not deleted yet"
            log.error("A message of SQS %s: %s: %s", how, type(error).__name__, error)
            return gone
        return True
