"""The whole stack on AWS: its parts, in the order in which they need each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pulumi

from airflow_stack.airflow import describe
from airflow_stack.airflow.secrets import BROKER_SERVER, DATABASE_SERVER
from airflow_stack.backends.aws.autoscaling import Autoscaling
from airflow_stack.backends.aws.broker import Broker
from airflow_stack.backends.aws.called import Called
from airflow_stack.backends.aws.cluster import Cluster
from airflow_stack.backends.aws.database import Database
from airflow_stack.backends.aws.github import GitHubRoles, bounded
from airflow_stack.backends.aws.load_balancer import LoadBalancer
from airflow_stack.backends.aws.logs import Logs
from airflow_stack.backends.aws.migration import Migration
from airflow_stack.backends.aws.monitoring import Monitoring
from airflow_stack.backends.aws.network import Network
from airflow_stack.backends.aws.plan import aws_plan, refs
from airflow_stack.backends.aws.plan.container_definitions import container_definitions
from airflow_stack.backends.aws.plan.environment import Facts, environment
from airflow_stack.backends.aws.plan.github import workflows
from airflow_stack.backends.aws.plan.refs import Ref
from airflow_stack.backends.aws.provider import provider
from airflow_stack.backends.aws.registry import PushedImage, Registry
from airflow_stack.backends.aws.roles import Roles, Used
from airflow_stack.backends.aws.secrets import GeneratedSecrets, StoredSecrets
from airflow_stack.backends.aws.security_groups import SecurityGroups
from airflow_stack.backends.aws.services import Services
from airflow_stack.backends.aws.storage import Storage
from airflow_stack.backends.aws.task_definitions import TaskDefinitions
from airflow_stack.backends.images import project_image
from airflow_stack.config import AwsConfig, Secrets
from airflow_stack.outputs import AwsOutputs, StackOutputs


class AwsStack(pulumi.ComponentResource):
    """Parent of all parts, and of their provider."""

    outputs: StackOutputs

    def __init__(self, name: str, config: AwsConfig, given: Secrets, program: Path, stack: str, called: Called) -> None:
        deployment = describe(config)
        plan = aws_plan(config, deployment)
        github = workflows(plan)
        super().__init__(
            "airflow-stack:aws:AwsStack", name, None,
            pulumi.ResourceOptions(providers=[provider(f"{name}-aws", plan.region, _tags(config, stack))],
                transformations=bounded(github.boundary if github else None),
            ),
        )  # fmt: skip
        opts = pulumi.ResourceOptions(parent=self)

        network = Network(name, plan.name, plan.region, plan.network, opts=opts)
        groups = SecurityGroups(name, plan.name, plan.rules, network, opts=opts)
        registry = Registry(name, plan.repository, opts=opts)
        image = PushedImage(
            f"{name}-image",
            plan.region,
            plan.platform,
            registry.repository_url,
            image=project_image(config, program),
            program=program,
            function=called.push,
            opts=opts,
        )
        storage = Storage(name, plan.bucket, opts=opts)
        logs = Logs(name, plan.logs, storage.bucket, storage.bucket_arn, opts=opts)
        cluster = Cluster(name, plan.region, plan.cluster, attach=called.attach, opts=opts)

        generated = GeneratedSecrets(name, plan.secrets, given, opts=opts)
        servers: dict[str, pulumi.Input[str]] = {}
        database = None
        if plan.database is not None:
            # AWS refuses to delete a kept database: a destroy ends there, before it forgets the bucket, the images and
            # what was generated, the Fernet key of its rows least of all.
            kept = pulumi.ResourceOptions(parent=self, depends_on=[storage, registry, generated])
            password = generated.values["airflow_database_password"]
            database = Database(name, plan.database, network, groups, password, opts=kept)
            servers[DATABASE_SERVER] = database.address
        token = generated.values["redis_password"] if plan.secrets.auth_token else None
        broker = Broker(name, plan.broker, network, groups, token, opts=opts)
        if broker.address is not None:
            servers[BROKER_SERVER] = broker.address
        stored = StoredSecrets(name, plan.secrets, generated.values, servers, opts=opts)

        oidc = generated.values["oidc_client_secret"] if plan.entry.asked.oidc else None
        load_balancer = LoadBalancer(name, plan.entry, network, groups, oidc, opts=opts)
        roles = Roles(
            name,
            plan.name,
            plan.region,
            plan.rights,
            Used(
                cluster.arn,
                storage.bucket_arn,
                registry.repository_arn,
                logs.group_arns,
                stored.arns,
                broker.queue_arn,
                logs.firehose_arn,
                cluster.exec_log_group_arn,
            ),
            opts=opts,
        )
        definitions = TaskDefinitions(
            name,
            plan,
            partial(container_definitions, config, deployment),
            image.reference,
            roles,
            environment=_environment(config, storage, broker, load_balancer),
            secret_arns=stored.arns,
            secret_versions=stored.versions,
            logs=logs,
            cluster=cluster,
            opts=opts,
        )
        needed: list[pulumi.Resource] = [stored, broker, *roles.policies]
        migration = Migration(
            f"{name}-migration", plan.region, deployment.init.command, cluster, definitions, network, groups,
            function=called.run, depends_on=[*needed, database] if database else needed, opts=opts,
        )  # fmt: skip
        services = Services(
            name,
            plan,
            cluster,
            definitions,
            network,
            groups,
            load_balancer=load_balancer,
            migration=migration,
            called=called,
            opts=opts,
        )
        Autoscaling(name, plan.scaling, cluster.cluster_name, services.service_names, opts=opts)
        watched: dict[Ref, pulumi.Output[str] | None] = {
            refs.CLUSTER_NAME: cluster.cluster_name,
            refs.LOAD_BALANCER: load_balancer.arn_suffix,
            refs.TARGET_GROUP: load_balancer.target_group_arn_suffix,
            refs.DATABASE: database.identifier if database else None,
            refs.QUEUE_NAME: broker.queue_name,
            refs.DEAD_LETTER_NAME: broker.dead_letter_name,
            refs.CACHE_ID: broker.cache_id,
        }
        Monitoring(
            name,
            plan.name,
            plan.region,
            plan.watching,
            cluster_arn=cluster.arn,
            service_names=services.service_names,
            known={ref: output for ref, output in watched.items() if output is not None},
            opts=opts,
        )

        github_roles = GitHubRoles(name, github, cluster.arn, opts=opts).arns if github else None
        admin_password = generated.values["admin_password"] if config.creates_admin else None
        self.outputs = StackOutputs(
            url=load_balancer.url,
            admin_username=config.admin.username,
            admin_password=admin_password,
            aws=AwsOutputs(
                region=plan.region,
                cluster=cluster.cluster_name,
                services=services.rolled_out,
                task_definitions=definitions.arns,
                log_groups=logs.groups,
                security_groups=groups.services,
                subnets=network.task_subnet_ids,
                assign_public_ip=network.assign_public_ip,
                bucket=storage.bucket,
                repository=registry.repository_url,
                secrets=stored.arns,
                task_roles=roles.task_names,
                github_roles=github_roles,
                commands=_commands(config, stack),
            ),
        )
        self.register_outputs({})


def _environment(
    config: AwsConfig, storage: Storage, broker: Broker, load_balancer: LoadBalancer
) -> pulumi.Output[Mapping[str, str]]:
    def known(values: list[str | None]) -> Mapping[str, str]:
        bucket, queue_url, url = values
        return environment(config, Facts(config.target.region, str(bucket), queue_url, str(url)))

    return pulumi.Output.all(storage.bucket, broker.queue_url, load_balancer.url).apply(known)


def _tags(config: AwsConfig, stack: str) -> dict[str, str]:
    """Of every resource."""
    return {"airflow-stack": config.target.name, "airflow-stack:stack": stack} | config.target.tags


def _commands(config: AwsConfig, stack: str) -> dict[str, pulumi.Input[str]]:
    """What a user types next."""
    commands: dict[str, pulumi.Input[str]] = {
        "status": f"airflow-stack status -s {stack}",
        "airflow": f"airflow-stack airflow -s {stack} dags list",
        "logs": f"airflow-stack logs -s {stack} --follow",
    }
    if config.creates_admin:
        commands["password"] = f"pulumi stack output admin_password --show-secrets -s {stack}"
    return commands


def deploy(config: AwsConfig, given: Secrets, program: Path, stack: str, called: Called) -> StackOutputs:
    """Register every resource of the stack; the outputs say where to find it. Nothing here asks AWS."""
    return AwsStack(config.target.name, config, given, program, stack, called).outputs
