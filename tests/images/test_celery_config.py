"""celery_config.py and sqs.py: Celery's settings for both kinds of broker."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
from airflow_stack_runtime.boot import sqs

URL = "https://sqs.eu-central-1.amazonaws.com/123456789012/airflow-tasks"
DEFAULT = {
    "task_default_queue": "default",
    "task_acks_late": True,
    "worker_enable_remote_control": True,
    "broker_transport_options": {"visibility_timeout": 43200},
}


@pytest.fixture
def load(stand_in: Callable[..., ModuleType], signals: SimpleNamespace, fresh: Callable[[str], ModuleType],
         monkeypatch: pytest.MonkeyPatch) -> Callable[[], ModuleType]:  # fmt: skip
    """Import celery_config with the provider's settings played."""
    monkeypatch.delenv("AIRFLOW_STACK_SQS_QUEUE_URL", raising=False)
    monkeypatch.delenv("ECS_AGENT_URI", raising=False)
    assert signals.worker_init
    stand_in("airflow.providers.celery.executors.default_celery", DEFAULT_CELERY_CONFIG=DEFAULT)
    return lambda: fresh("celery_config")


def test_redis_is_as_it_was(load: Callable[[], ModuleType]) -> None:
    """Without a queue's URL nothing of SQS is set or loaded: remote control answers the probe."""
    config = load().CONFIG
    assert config["worker_enable_remote_control"] is True
    assert config["broker_transport_options"] == {"visibility_timeout": 43200}
    assert "worker_send_task_events" not in config
    assert "airflow_stack_runtime.boot.sqs_transport" not in sys.modules


def test_sqs(load: Callable[[], ModuleType], stand_in: Callable[..., ModuleType], signals: SimpleNamespace,
             monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """The queue is the stack's, tasks are acknowledged late, and what SQS cannot do is switched off."""
    done: list[object] = []
    transport = stand_in(
        "airflow_stack_runtime.boot.sqs_transport", install=lambda: done.append("installed"), join=done.append
    )
    monkeypatch.setattr(sys.modules["airflow_stack_runtime.boot"], "sqs_transport", transport, raising=False)
    stand_in("airflow_stack_runtime.boot.worker", prepare=lambda: done.append("prepared"))
    monkeypatch.setenv("AIRFLOW_STACK_SQS_QUEUE_URL", URL)
    config = load().CONFIG
    options = config["broker_transport_options"]
    assert options["predefined_queues"] == {"default": {"url": URL, "region": "eu-central-1"}}
    assert options["region"] == "eu-central-1"
    assert options["wait_time_seconds"] == 20
    assert options["client-config"]["read_timeout"] > options["wait_time_seconds"]
    assert options["visibility_timeout"] == 43200
    assert config["task_acks_late"] is True
    assert config["worker_enable_remote_control"] is False
    assert config["worker_send_task_events"] is False
    assert config["broker_connection_max_retries"] is None
    sender = SimpleNamespace(options={"loglevel": "INFO"})
    signals.worker_init.send(sender)
    assert sender.options == {
        "loglevel": "INFO", "without_gossip": True, "without_mingle": True, "without_heartbeat": True,
    }  # fmt: skip
    signals.worker_shutdown.send()
    assert done[:2] == ["installed", "prepared"]
    # The last request to SQS may take as long as an empty queue does.
    assert isinstance(done[2], int | float)
    assert done[2] > sqs.WAIT


@pytest.mark.parametrize(
    ("url", "environment", "expected"),
    [
        (URL, {"AWS_REGION": "us-east-1"}, "eu-central-1"),
        ("https://queue.example.com/q", {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "x"}, "us-east-1"),
        ("http://localhost:5000/q", {"AWS_DEFAULT_REGION": "us-east-2"}, "us-east-2"),
        ("http://localhost:5000/q", {}, None),
    ],
)
def test_region(url: str, environment: dict[str, str], expected: str | None) -> None:
    """A request that is signed for another region than the queue's is refused."""
    assert sqs.region(url, environment) == expected


def test_the_queue_has_the_name_that_kombu_looks_up() -> None:
    """Kombu asks its table of queues by a name of SQS's characters: default_queue may have others."""
    found = sqs.settings({"task_default_queue": "etl.fast:1"}, {"AIRFLOW_STACK_SQS_QUEUE_URL": URL})
    assert list(found["broker_transport_options"]["predefined_queues"]) == ["etl-fast_1"]


def test_no_url_no_settings() -> None:
    """An empty variable is none."""
    assert sqs.settings(DEFAULT, {"AIRFLOW_STACK_SQS_QUEUE_URL": ""}) == {}
