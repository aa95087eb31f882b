"""The ECS cluster."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, ecs

from airflow_stack.backends.aws.capacity import FirstCapacity
from airflow_stack.backends.aws.plan.cluster import ClusterPlan


class Cluster(pulumi.ComponentResource):
    """Cluster with Fargate's two capacity providers. Whoever reads an attribute comes after the providers."""

    arn: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    exec_log_group: pulumi.Output[str] | None
    """Name of the log group of the ECS exec sessions; None where exec is off."""
    exec_log_group_arn: pulumi.Output[str] | None

    def __init__(
        self, name: str, region: str, planned: ClusterPlan, *, attach: str, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """``attach`` is the function behind `FirstCapacity`."""
        super().__init__("airflow-stack:aws:Cluster", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.exec_log_group = self.exec_log_group_arn = None
        configuration = None
        if planned.exec_log_group is not None:
            sessions = cloudwatch.LogGroup(
                f"{name}-exec",
                name=planned.exec_log_group,
                retention_in_days=planned.log_days,
                opts=child,
            )
            self.exec_log_group, self.exec_log_group_arn = sessions.name, sessions.arn
            configuration = ecs.ClusterConfigurationArgs(
                execute_command_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationArgs(
                    # Without OVERRIDE a session's text goes to the log of the container, where nobody looks for it.
                    logging="OVERRIDE",
                    log_configuration=ecs.ClusterConfigurationExecuteCommandConfigurationLogConfigurationArgs(
                        cloud_watch_log_group_name=sessions.name
                    ),
                )
            )
        insights = "enabled" if planned.insights else "disabled"
        cluster = ecs.Cluster(
            f"{name}-cluster",
            name=planned.name,
            # Written out when off too: else the account's default decides what is paid.
            settings=[ecs.ClusterSettingArgs(name="containerInsights", value=insights)],
            configuration=configuration,
            opts=child,
        )
        ready = FirstCapacity(f"{name}-first-capacity", region, cluster.arn, attach, child)
        providers = ecs.ClusterCapacityProviders(
            f"{name}-capacity",
            cluster_name=cluster.name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            # For a task that names none: a migration must not be taken back in the middle.
            default_capacity_provider_strategies=[
                ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(capacity_provider="FARGATE", weight=1)
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[ready]),
        )
        # A service that is made before its provider is attached, or deleted after it, fails: both outputs wait for it.
        self.cluster_name = providers.cluster_name
        self.arn = pulumi.Output.all(cluster.arn, providers.id).apply(lambda known: str(known[0]))
        self.register_outputs({})
