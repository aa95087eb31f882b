"""``airflow-stack:target`` of kind ``local``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from airflow_stack.config.target import TargetConfig
from airflow_stack.config.types import BindAddress, Directory, Prefix, RegistryHost, Section


class ContainerLogs(Section):
    """Rotation of what the containers print."""

    max_size: int = Field(10, ge=1, le=10_000, description="MB at which a container's log file is rotated.")
    max_files: int = Field(3, ge=1, le=100, description="Log files kept for each container.")


class LocalTarget(TargetConfig):
    """Docker on this machine."""

    kind: Literal["local"] = "local"
    project_dir: Directory = Field(
        ".",
        description="Directory that holds dags, logs, config and plugins. Relative paths start at Pulumi.yaml's.",
        examples=["/srv/airflow"],
    )
    uid: int | None = Field(
        None,
        ge=0,
        le=4_294_967_294,
        description="User that owns the project's folders and runs Airflow. The caller's by default; 50000 for root.",
        examples=[1000],
    )
    gid: int = Field(
        0, ge=0, le=4_294_967_294, description="Group that Airflow runs with, beside group 0 of its image."
    )
    prefix: Prefix = Field("", description="Put before every container, network and volume name: for a second stack.")
    bind_address: BindAddress = Field("127.0.0.1", description="Address of this machine that ports are published on.")
    image_origin: Literal["auto", "registry", "debian"] = Field(
        "auto",
        description="What images are built on: the published upstream images (registry), or Debian's packages and PyPI"
        " alone (debian). auto: registry where one is reached, else debian; decided once for a machine.",
    )
    registry: RegistryHost = Field(
        "",
        description="Registry that serves the upstream images instead of their own: a mirror or a pull-through cache.",
        examples=["registry.example.com:5000/mirror"],
    )
    memory: Annotated[int, Field(ge=1024, le=16_777_216)] | None = Field(
        None,
        description="MiB of the engine's memory that this stack plans with: memory limits that config does not give"
        " follow from it. What the engine has by default, as `up` has found it; say less where several stacks share"
        " one engine.",
        examples=[8192],
    )
    throw_away: bool = Field(
        False, description="Delete the data volumes with the stack. By default data outlives `pulumi destroy`."
    )
    logs: ContainerLogs = Field(default_factory=ContainerLogs, description="Rotation of what the containers print.")
