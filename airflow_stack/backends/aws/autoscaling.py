"""How many tasks of a service there are: by what the workers have to do, and by the hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi_aws import appautoscaling

from airflow_stack.backends.aws.metrics import RATIO, namespace
from airflow_stack.config import StackConfig
from airflow_stack.config.aws.services import Schedule

if TYPE_CHECKING:
    from airflow_stack.backends.aws.cluster import Cluster
    from airflow_stack.backends.aws.services import Services

# The metric is the workers that are needed for each hundred that run: 100 is as many as are needed.
TARGET_VALUE = 100.0


class Autoscaling(pulumi.ComponentResource):
    """Scalable targets: the workers always, another service where it has a schedule.

    Leaving zero needs no policy of its own. Target tracking multiplies, and nothing times two is nothing; but for a
    service with a minimum of 0 and no running task, AWS documents that it waits for one data point, starts the least
    possible and goes on from there. The publisher sends 200 then, which is more than the target.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-auto-scaling.html

    Scale-in takes tasks away without asking what they do: a worker protects itself while it has tasks, and ECS then
    stops another one, or this one later. Nothing is scaled while the metric is missing, so workers stay as they are
    while no scheduler runs to publish it.
    """

    def __init__(
        self,
        name: str,
        config: StackConfig,
        cluster: Cluster,
        services: Services,
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Autoscaling", name, None, opts)
        self._name = name
        self._cluster = cluster
        self._services = services
        target = config.aws
        for role in ("webserver", "scheduler", "triggerer"):
            settings = getattr(target, role)
            if settings.schedule is not None:
                scalable = self._target(role, settings.count, settings.count)
                self._schedule(role, scalable, settings.schedule, settings.count, settings.count)
        workers = target.worker
        scalable = self._target("worker", workers.min, workers.max)
        tracking = self._track(config, scalable)
        if workers.schedule is not None:
            self._schedule("worker", scalable, workers.schedule, workers.min, workers.max, after=tracking)
        self.register_outputs({})

    def _target(self, role: str, least: int, most: int) -> appautoscaling.Target:
        # A scheduled action changes both numbers behind Pulumi's back. They are not ignored: a new `max` would then
        # wait for the next morning. Only `pulumi up --refresh` in the hours off sees 0 and starts the service.
        return appautoscaling.Target(
            f"{self._name}-{role}",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.format(
                "service/{0}/{1}", self._cluster.cluster_name, self._services.service_names[role]
            ),
            min_capacity=least,
            max_capacity=most,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _track(self, config: StackConfig, scalable: appautoscaling.Target) -> appautoscaling.Policy:
        workers = config.aws.worker
        dimensions = {"ClusterName": self._cluster.cluster_name, "ServiceName": self._services.service_names["worker"]}
        metric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs(
            namespace=namespace(config.aws.name),
            metric_name=RATIO,
            statistic="Average",
            dimensions=[
                appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs(
                    name=key, value=value
                )
                for key, value in dimensions.items()
            ],
        )
        return appautoscaling.Policy(
            f"{self._name}-worker-tracking",
            name=f"{config.aws.name}-worker-{RATIO}",
            policy_type="TargetTrackingScaling",
            service_namespace=scalable.service_namespace,
            scalable_dimension=scalable.scalable_dimension,
            resource_id=scalable.resource_id,
            target_tracking_scaling_policy_configuration=appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=TARGET_VALUE,
                customized_metric_specification=metric,
                scale_out_cooldown=workers.scale_out_cooldown,
                scale_in_cooldown=workers.scale_in_cooldown,
                disable_scale_in=False,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _schedule(
        self,
        role: str,
        scalable: appautoscaling.Target,
        schedule: Schedule,
        least: int,
        most: int,
        after: pulumi.Resource | None = None,
    ) -> None:
        previous = after
        for moment, cron, bounds in (("stop", schedule.stop, (0, 0)), ("start", schedule.start, (least, most))):
            previous = appautoscaling.ScheduledAction(
                f"{self._name}-{role}-{moment}",
                name=pulumi.Output.concat(self._services.service_names[role], "-", moment),
                service_namespace=scalable.service_namespace,
                scalable_dimension=scalable.scalable_dimension,
                resource_id=scalable.resource_id,
                schedule=f"cron({cron})",
                timezone=schedule.time_zone,
                scalable_target_action=appautoscaling.ScheduledActionScalableTargetActionArgs(
                    min_capacity=bounds[0], max_capacity=bounds[1]
                ),
                # One after the other: Application Auto Scaling refuses two changes of one target at a time, and the
                # provider does not ask again: https://github.com/hashicorp/terraform-provider-aws/issues/17915
                opts=pulumi.ResourceOptions(parent=self, depends_on=[previous] if previous else None),
            )
