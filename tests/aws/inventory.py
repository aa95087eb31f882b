"""Everything that there is in a region of moto, by the calls that list it."""

from __future__ import annotations

from typing import Any

import jmespath

from aws.translate.kind import Aws

# Service, call, JMESPath of the names.
LISTS: tuple[tuple[str, str, str], ...] = (
    ("acm", "list_certificates", "CertificateSummaryList[].CertificateArn"),
    ("athena", "list_named_queries", "NamedQueryIds"),
    ("athena", "list_work_groups", "WorkGroups[].Name"),
    ("cloudwatch", "describe_alarms", "MetricAlarms[].AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries[].DashboardName"),
    ("ec2", "describe_addresses", "Addresses[].AllocationId"),
    ("ec2", "describe_internet_gateways", "InternetGateways[].InternetGatewayId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted'].NatGatewayId"),
    ("ec2", "describe_route_tables", "RouteTables[].RouteTableId"),
    ("ec2", "describe_security_groups", "SecurityGroups[].GroupId"),
    ("ec2", "describe_subnets", "Subnets[].SubnetId"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted'].VpcEndpointId"),
    ("ec2", "describe_vpcs", "Vpcs[].VpcId"),
    ("ecr", "describe_repositories", "repositories[].repositoryName"),
    ("ecs", "list_task_definitions", "taskDefinitionArns"),
    ("elasticache", "describe_cache_parameter_groups", "CacheParameterGroups[].CacheParameterGroupName"),
    ("elasticache", "describe_cache_subnet_groups", "CacheSubnetGroups[].CacheSubnetGroupName"),
    ("elasticache", "describe_replication_groups", "ReplicationGroups[?Status!='deleting'].ReplicationGroupId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[].LoadBalancerName"),
    ("elbv2", "describe_target_groups", "TargetGroups[].TargetGroupName"),
    ("events", "list_rules", "Rules[].Name"),
    ("firehose", "list_delivery_streams", "DeliveryStreamNames"),
    ("glue", "get_databases", "DatabaseList[].Name"),
    ("iam", "list_policies", "Policies[].PolicyName"),
    ("iam", "list_roles", "Roles[].RoleName"),
    ("kms", "list_keys", "Keys[].KeyId"),
    ("logs", "describe_log_groups", "logGroups[].logGroupName"),
    ("logs", "describe_resource_policies", "resourcePolicies[].policyName"),
    ("rds", "describe_db_instances", "DBInstances[].DBInstanceIdentifier"),
    ("rds", "describe_db_parameter_groups", "DBParameterGroups[].DBParameterGroupName"),
    ("rds", "describe_db_snapshots", "DBSnapshots[].DBSnapshotIdentifier"),
    ("rds", "describe_db_subnet_groups", "DBSubnetGroups[].DBSubnetGroupName"),
    ("s3", "list_buckets", "Buckets[].Name"),
    ("secretsmanager", "list_secrets", "SecretList[].Name"),
    ("sns", "list_subscriptions", "Subscriptions[].SubscriptionArn"),
    ("sns", "list_topics", "Topics[].TopicArn"),
    ("sqs", "list_queues", "QueueUrls"),
)
NAMESPACES = ("ecs",)


def inventory(aws: Aws) -> dict[str, set[str]]:
    """Names by service and call. What waits for its deletion is not there any more, but for keys of KMS."""
    found: dict[str, set[str]] = {}
    for service, call, path in LISTS:
        parameters: dict[str, Any] = {"Scope": "Local"} if call == "list_policies" else {}
        found[f"{service}.{call}"] = set(jmespath.search(path, aws.call(service, call, **parameters)) or [])
    for namespace in NAMESPACES:
        for call, path in (
            ("describe_scalable_targets", "ScalableTargets[].ResourceId"),
            ("describe_scaling_policies", "ScalingPolicies[].PolicyName"),
            ("describe_scheduled_actions", "ScheduledActions[].ScheduledActionName"),
        ):
            answer = aws.call("application-autoscaling", call, ServiceNamespace=namespace)
            found[f"application-autoscaling.{call}"] = set(jmespath.search(path, answer) or [])
    # A deleted cluster stays listed for a while, as inactive.
    clusters = aws.call("ecs", "describe_clusters", clusters=aws.call("ecs", "list_clusters")["clusterArns"])[
        "clusters"
    ]
    found["ecs.list_clusters"] = {one["clusterName"] for one in clusters if one["status"] == "ACTIVE"}
    keys = found["kms.list_keys"]
    pending = {
        key for key in keys if aws.call("kms", "describe_key", KeyId=key)["KeyMetadata"]["KeyState"] != "Enabled"
    }
    return found | {"kms.list_keys": keys - pending}


def more(after: dict[str, set[str]], before: dict[str, set[str]]) -> dict[str, set[str]]:
    """What there is after, and was not before."""
    return {key: names - before[key] for key, names in after.items() if names - before[key]}
