"""The stack as Docker resources of Pulumi."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import pulumi
import pulumi_docker as docker

from airflow_stack.airflow.secrets import DIRECTORY, fingerprint, generated, recipes
from airflow_stack.backends import secret_files
from airflow_stack.backends.containers import Container, Plan, servers
from airflow_stack.backends.generated import file_content, secret_values
from airflow_stack.backends.labels import SECRETS, container_labels, stack_labels
from airflow_stack.backends.machine import Machine
from airflow_stack.config import LocalConfig, Secrets
from airflow_stack.outputs import StackOutputs

# Seconds: the provider's own time to delete a container, and what it needs beside the container's stop timeout.
DELETE = 1200
GRACE = 300


class StackSecrets(pulumi.ComponentResource):
    """Every secret of the stack: what config sets, else what is kept on this machine, else generated once."""

    values: dict[str, pulumi.Output[str]]
    """By config key; each resolved when it is kept."""
    contents: dict[str, pulumi.Output[str]]
    """Of the secret files, by name; each resolved when it is written."""

    def __init__(self, name: str, config: LocalConfig, given: Secrets, machine: Machine) -> None:
        super().__init__("airflow-stack:local:StackSecrets", name)

        def keep(key: str, value: str) -> str:
            if not pulumi.runtime.is_dry_run():
                secret_files.write(machine.secrets, {key: value}, {})
            return value

        def write(file: str, content: str) -> str:
            if not pulumi.runtime.is_dry_run():
                secret_files.write(machine.secrets, {}, {file: content})
            return content

        values = secret_values(name, generated(config), secret_files.kept(machine.secrets) | given.given(), self)
        self.values = {key: value.apply(partial(keep, key)) for key, value in values.items()}
        self.contents = {
            file: file_content(recipe, self.values, servers(config)).apply(partial(write, file))
            for file, recipe in recipes(config).items()
        }
        self.register_outputs({})

    def fingerprint(self, names: tuple[str, ...]) -> pulumi.Output[str]:
        """Of these files, when they are written; no secret."""
        used = {name: self.contents[name] for name in ("fernet_key", *names)}
        return pulumi.Output.unsecret(pulumi.Output.all(**used).apply(partial(fingerprint, names)))


class LocalStack(pulumi.ComponentResource):
    """Networks, volumes and containers of one plan."""

    containers: dict[str, docker.Container]
    """By service."""

    def __init__(self, name: str, plan: Plan, machine: Machine, stack: str, secrets: StackSecrets) -> None:
        super().__init__("airflow-stack:local:LocalStack", name)
        own = stack_labels(stack, machine)
        networks = {
            key: docker.Network(
                f"{name}-{key}",
                name=network.name,
                driver="bridge",
                internal=network.internal,
                labels=[docker.NetworkLabelArgs(label=key, value=value) for key, value in own.items()],
                # One that is there keeps its labels, as a volume does: to replace it would take all containers out.
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["labels"]),
            )
            for key, network in plan.networks.items()
        }
        volumes = {
            key: docker.Volume(
                f"{name}-{key}",
                name=volume,
                labels=[docker.VolumeLabelArgs(label=key, value=value) for key, value in own.items()],
                opts=pulumi.ResourceOptions(
                    parent=self,
                    retain_on_delete=plan.keep_data,
                    # A volume that Compose has made keeps Compose's labels; replacing it for them would part the
                    # stack from its data.
                    ignore_changes=["labels"],
                ),
            )
            for key, volume in plan.volumes.items()
        }
        self.containers = {}
        for container in plan.containers:
            self.containers[container.service] = self._container(
                name, container, plan, machine, stack, secrets, networks=networks, volumes=volumes
            )
        self.register_outputs({})

    def when_created(self, then: Callable[[], None]) -> None:
        """Run ``then`` when all containers are there. Nothing waits for it in a preview."""
        if not pulumi.runtime.is_dry_run():
            pulumi.Output.all(*(container.id for container in self.containers.values())).apply(lambda _: then())

    def _container(
        self,
        name: str,
        container: Container,
        plan: Plan,
        machine: Machine,
        stack: str,
        secrets: StackSecrets,
        *,
        networks: Mapping[str, docker.Network],
        volumes: Mapping[str, docker.Volume],
    ) -> docker.Container:
        depends_on = [self.containers[service] for service in container.depends_on]
        mounts = [
            docker.ContainerVolumeArgs(host_path=str(bind.source), container_path=bind.target, read_only=bind.read_only)
            for bind in container.binds
        ]
        mounts += [
            docker.ContainerVolumeArgs(
                # The path is known; it waits for the file, which Docker would else make a directory.
                host_path=str(machine.secrets / file),
                container_path=f"{DIRECTORY}/{file}",
                read_only=True,
            )
            for file in container.secrets
        ]
        mounts += [
            docker.ContainerVolumeArgs(
                volume_name=volumes[mount.volume].name, container_path=mount.target, read_only=False
            )
            for mount in container.volumes
        ]
        labels = [
            docker.ContainerLabelArgs(label=key, value=value)
            for key, value in container_labels(container, stack, machine, "pulumi").items()
        ]
        if container.secrets:
            labels.append(docker.ContainerLabelArgs(label=SECRETS, value=secrets.fingerprint(container.secrets)))
        probe = container.probe
        return docker.Container(
            f"{name}-{container.service}",
            name=container.name,
            hostname=container.name,
            image=container.image.tag,
            command=list(container.command) or None,
            envs=sorted(f"{key}={value}" for key, value in container.environment.items()),
            labels=labels,
            user=container.user or None,
            group_adds=list(container.groups) or None,
            memory=container.memory,
            memory_swap=container.memory_and_swap,
            shm_size=container.shm_mib,
            cpu_shares=container.cpu_shares or None,
            # The first network is the one that the container is created in, as Compose does it. The provider could
            # give it no alias there: containers find each other by their names.
            network_mode=networks[container.networks[0]].name,
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(name=networks[key].name) for key in container.networks[1:]
            ]
            or None,
            ports=[
                docker.ContainerPortArgs(
                    internal=port.container, external=port.host, ip=plan.bind_address, protocol="tcp"
                )
                for port in container.ports
            ]
            or None,
            volumes=mounts or None,
            healthcheck=docker.ContainerHealthcheckArgs(
                tests=list(probe.test),
                interval=f"{probe.interval}s",
                timeout=f"{probe.timeout}s",
                retries=probe.retries,
                start_period=_duration(probe.start_period),
            )
            if probe
            else None,
            restart="no" if container.one_shot else "unless-stopped",
            must_run=not container.one_shot,
            init=False,
            read_only=container.read_only,
            security_opts=["no-new-privileges:true"],
            log_driver="json-file",
            log_opts={"max-size": plan.log_max_size, "max-file": plan.log_max_files},
            stop_timeout=container.stop_timeout,
            destroy_grace_seconds=container.stop_timeout,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=depends_on,
                # Two containers can't have one name or one port.
                delete_before_replace=True,
                # The provider gives up after 20 minutes, also on a worker that may go on with its tasks for longer.
                custom_timeouts=pulumi.CustomTimeouts(delete=f"{max(DELETE, container.stop_timeout + GRACE)}s"),
            ),
        )


def _duration(seconds: int) -> str:
    """As Go prints it, which is how a refresh reads it back: 1m0s, not 60s."""
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def deploy(
    config: LocalConfig, given: Secrets, plan: Plan, machine: Machine, stack: str, created: Callable[[Plan], None]
) -> StackOutputs:
    """Register every resource of the stack; the outputs say where to find it.

    ``created`` runs once when all containers are there, and not in a preview; what it raises fails the update.
    """
    secrets = StackSecrets("airflow", config, given, machine)
    local = LocalStack("airflow", plan, machine, stack, secrets)
    local.when_created(lambda: created(plan))
    password = secrets.values["admin_password"] if config.creates_admin else None
    return StackOutputs(
        url=plan.url,
        admin_username=config.admin.username,
        admin_password=password,
        containers=tuple(container.name for container in plan.long_running),
        flower_url=plan.flower_url,
    )
