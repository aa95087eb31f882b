"""One section a service: how many, how large, which port. Memory limits are MiB; most follow from the engine's."""

from __future__ import annotations

from pydantic import Field

from airflow_stack.config.types import (
    AnyQueueName,
    MemoryMiB,
    Port,
    PythonPath,
    QueueName,
    Section,
    UrlPrefix,
    by_engine,
)

DAY = 86_400
"""Seconds."""


class WebserverConfig(Section):
    """``airflow-stack:webserver``: UI and API."""

    workers: int = Field(2, ge=1, le=32, description="Gunicorn workers: how many requests are answered at a time.")
    memory: MemoryMiB | None = by_engine(768)
    port: Port | None = Field(
        None,
        description="Port on the host that leads straight to the webserver, beside the proxy's. None by default.",
        examples=[8081],
    )


class SchedulerConfig(Section):
    """``airflow-stack:scheduler``."""

    memory: MemoryMiB | None = by_engine(
        768, "Its DAG processes are in it, and with LocalExecutor the tasks: then it grows as workers do."
    )


class TriggererConfig(Section):
    """``airflow-stack:triggerer``: runs deferrable tasks while they wait."""

    memory: MemoryMiB | None = by_engine(384)
    capacity: int = Field(1000, ge=1, le=100_000, description="Triggers that it runs at a time.")


class WorkerConfig(Section):
    """``airflow-stack:worker``: Celery workers. Without effect under LocalExecutor, where a value is an error."""

    count: int = Field(2, ge=1, le=50, description="How many worker containers.")
    concurrency: int = Field(4, ge=1, le=256, description="Tasks that each worker runs at a time.")
    memory: MemoryMiB | None = by_engine(
        768, "Of each worker: its tasks share it, and the kernel kills the largest one when it is used up."
    )
    stop_timeout: int = Field(
        120,
        ge=10,
        le=DAY,
        description="Seconds for which a worker that is stopped may go on with its tasks. A task that needs longer is"
        " cut off: its try fails, and its log says why. `restart`, `scale`, `up` and `down` wait as long. At most 120"
        " on AWS.",
    )
    queues: list[QueueName] = Field(
        default_factory=list,
        description="Queues that the workers take tasks from, all of them; empty for Airflow's default queue alone. A"
        " DAG with a task in a queue that is neither here nor in other_queues is refused: the task would hold a slot"
        " that no worker ever frees.",
        examples=[["default", "gpu"]],
    )
    other_queues: list[AnyQueueName] = Field(
        default_factory=list,
        description="Queues that workers outside this stack take tasks from, by the same broker; '*' for any, which"
        " lets a mistyped queue hold slots for minutes.",
        examples=[["on-premises"]],
    )


class FlowerConfig(Section):
    """``airflow-stack:flower``: the Celery monitor. Login: the admin's name and the secret ``flower_password``."""

    enabled: bool = Field(False, description="Run Flower, behind the proxy under url_prefix.")
    url_prefix: UrlPrefix = Field("/flower", description="Path of Flower behind the proxy.")
    port: Port | None = Field(5555, description="Port on the host that leads straight to Flower. Null for none.")
    memory: MemoryMiB = Field(256, description="Memory limit in MiB.")


class ProxyConfig(Section):
    """``airflow-stack:proxy``: nginx in front of the webserver and of Flower."""

    port: Port = Field(8080, description="Port on the host: the address of the stack.")
    proxy_fix: bool = Field(
        True, description="Airflow trusts the proxy's X-Forwarded headers, so that redirects name the outer address."
    )
    memory: MemoryMiB = Field(64, description="Memory limit in MiB.")


class DockerSocketProxyConfig(Section):
    """``airflow-stack:docker_socket_proxy``: what DockerOperator talks to instead of the raw Docker socket."""

    enabled: bool = Field(True, description="Run the proxy. Without it DockerOperator has no Docker to talk to.")
    memory: MemoryMiB = Field(64, description="Memory limit in MiB.")


class SecretsBackendConfig(Section):
    """``airflow-stack:secrets_backend``: where Airflow looks connections and variables up before its database."""

    class_name: PythonPath = Field(
        description="Python path of the class. Its parameters, as JSON, are the secret secrets_backend_kwargs.",
        examples=["airflow.providers.amazon.aws.secrets.secrets_manager.SecretsManagerBackend"],
    )
