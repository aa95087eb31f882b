"""One section a service of a stack of this machine. Memory limits are MiB; most follow from the engine's."""

from __future__ import annotations

from pydantic import Field

from airflow_stack.config.services import TriggererConfig, WebserverConfig, WorkerConfig
from airflow_stack.config.types import MemoryMiB, Port, PythonPath, Section, UrlPrefix, by_engine


class LocalWebserver(WebserverConfig):
    """UI and API, in a container."""

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


class LocalTriggerer(TriggererConfig):
    """Runs deferrable tasks while they wait, in a container."""

    memory: MemoryMiB | None = by_engine(384)


class LocalWorker(WorkerConfig):
    """Celery workers, a container each. Without effect under LocalExecutor, where a value is an error."""

    count: int = Field(2, ge=1, le=50, description="How many worker containers.")
    memory: MemoryMiB | None = by_engine(
        768, "Of each worker: its tasks share it, and the kernel kills the largest one when it is used up."
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
