"""Every kind of resource that the program registers, by Pulumi's name of it.

NOT_IN_MOTO says what of AWS is missing in moto, and what stands in for it.
"""

from __future__ import annotations

from aws.translate import cache, data, ecs, iam, load_balancer, network, notifications, observability, storage
from aws.translate.kind import Kind

AREAS = (network, load_balancer, iam, data, cache, storage, ecs, observability, notifications)
KINDS: dict[str, Kind] = {kind.type: kind() for area in AREAS for kind in area.KINDS}

NOT_IN_MOTO = {
    "application-autoscaling.TagResource, UntagResource": "accepted and forgotten by gaps.py",
    "athena.UpdateWorkGroup": "added to moto by gaps.py: description and configuration",
    "athena.DeleteNamedQuery": "added to moto by gaps.py",
    "cloudwatch.PutCompositeAlarm": "added to moto by gaps.py; moto drops what suppresses the alarm's actions",
    "elasticache.ModifyReplicationGroup": "gaps.py: what waits for the maintenance window, version and group",
    "elasticache.*CacheParameterGroup*": "added to moto by gaps.py: names and families, but no values",
    "route53.ChangeResourceRecordSets": "a deleted record can be created again by gaps.py; moto refuses it",
    "sqs.SetQueueAttributes": "RedriveAllowPolicy and a policy set before are kept by gaps.py; moto forgets both",
    "elasticache.DeleteCacheSubnetGroup": "added to moto by gaps.py",
    "ec2: what uses a subnet or a security group": "moto deletes them; users.py refuses as EC2 does",
    "ecs: deployments": "rollouts.py: under way, complete, failed or rolled back, as the circuit breaker does",
    "ecs: rules of CreateService and RegisterTaskDefinition": "checked in ecs.py before the call",
}
