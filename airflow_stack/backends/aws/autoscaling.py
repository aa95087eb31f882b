"""How many tasks of a service there are: by what the workers have to do, and by the hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi_aws import appautoscaling

from airflow_stack.backends.aws.known import filled
from airflow_stack.backends.aws.plan.refs import CLUSTER_NAME, service_name
from airflow_stack.backends.aws.plan.scaling import Scaling, Tracking


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
        plan: Sequence[Scaling],
        cluster_name: pulumi.Output[str],
        service_names: Mapping[str, pulumi.Output[str]],
        *,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``service_names`` is by role."""
        super().__init__("airflow-stack:aws:Autoscaling", name, None, opts)
        self._name = name
        self._services = service_names
        self._known = {CLUSTER_NAME: cluster_name} | {service_name(role): one for role, one in service_names.items()}
        for scaling in plan:
            scalable = self._target(scaling)
            previous = self._track(scaling.role, scaling.tracking, scalable) if scaling.tracking else None
            self._schedule(scaling, scalable, previous)
        self.register_outputs({})

    def _target(self, scaling: Scaling) -> appautoscaling.Target:
        # A scheduled action changes both numbers behind Pulumi's back. They are not ignored: a new `max` would then
        # wait for the next morning. Only `pulumi up --refresh` in the hours off sees 0 and starts the service.
        return appautoscaling.Target(
            f"{self._name}-{scaling.role}",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=filled(f"service/{CLUSTER_NAME}/{service_name(scaling.role)}", self._known),
            min_capacity=scaling.least,
            max_capacity=scaling.most,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _track(self, role: str, tracking: Tracking, scalable: appautoscaling.Target) -> appautoscaling.Policy:
        watched = tracking.metric
        metric = appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationArgs(
            namespace=watched.namespace,
            metric_name=watched.name,
            statistic=watched.statistic,
            dimensions=[
                appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationCustomizedMetricSpecificationDimensionArgs(
                    name=key, value=filled(value, self._known)
                )
                for key, value in watched.dimensions.items()
            ],
        )
        return appautoscaling.Policy(
            f"{self._name}-{role}-tracking",
            name=tracking.name,
            policy_type="TargetTrackingScaling",
            service_namespace=scalable.service_namespace,
            scalable_dimension=scalable.scalable_dimension,
            resource_id=scalable.resource_id,
            target_tracking_scaling_policy_configuration=appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                target_value=tracking.value,
                customized_metric_specification=metric,
                scale_out_cooldown=tracking.out_cooldown,
                scale_in_cooldown=tracking.in_cooldown,
                disable_scale_in=False,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _schedule(self, scaling: Scaling, scalable: appautoscaling.Target, previous: pulumi.Resource | None) -> None:
        for moment in scaling.moments:
            previous = appautoscaling.ScheduledAction(
                f"{self._name}-{scaling.role}-{moment.purpose}",
                name=pulumi.Output.concat(self._services[scaling.role], "-", moment.purpose),
                service_namespace=scalable.service_namespace,
                scalable_dimension=scalable.scalable_dimension,
                resource_id=scalable.resource_id,
                schedule=f"cron({moment.cron})",
                timezone=moment.time_zone,
                scalable_target_action=appautoscaling.ScheduledActionScalableTargetActionArgs(
                    min_capacity=moment.least, max_capacity=moment.most
                ),
                # One after the other: Application Auto Scaling refuses two changes of one target at a time, and the
                # provider does not ask again: https://github.com/hashicorp/terraform-provider-aws/issues/17915
                opts=pulumi.ResourceOptions(parent=self, depends_on=[previous] if previous else None),
            )
