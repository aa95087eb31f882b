"""What each field of the stack file makes anew on AWS when it changes, and what that costs.

The resources are those whose own properties the field is; what hangs on the new one by its id follows. A resource whose
name in AWS is fixed goes before the new one comes, which needs the name; all others go when the new one is there.
"""

from __future__ import annotations

EVER_NEW = ("aws:ecs/taskDefinition:TaskDefinition", "aws:secretsmanager/secretVersion:SecretVersion")
"""A new one at each change, by design; nothing is lost by it."""

# The subnets' and the groups' network is another one: AWS refuses to delete the database, if it is kept, before
# anything of it is lost.
_NETWORK = ("ec2/securityGroup", "lb/targetGroup")

ANEW: dict[str, tuple[str, ...]] = {
    # Back from Valkey to Redis alone: queued tasks are lost, and Airflow queues them again after task_queued_timeout.
    "broker.elasticache.engine": ("elasticache/parameterGroup", "elasticache/replicationGroup goes first"),
    # AWS refuses, where the database is kept: it is protected, and nothing has changed.
    "database.rds.name": ("rds/instance goes first",),
    "database.rds.user": ("rds/instance goes first",),
    # Parameters of the new version; the old group goes when the instance has left it.
    "database.rds.version": ("rds/parameterGroup",),
    "target.load_balancer.domain": ("acm/certificate", "route53/record"),
    "target.load_balancer.hosted_zone_id": ("route53/record",),
    # Somebody else is told, and has to confirm it.
    "target.metrics.alarm_email": ("sns/topicSubscription",),
    "target.network.existing.kind": _NETWORK,
    "target.network.existing.vpc_id": _NETWORK,
    "target.network.own.cidr": ("ec2/subnet", "ec2/vpc"),
    "target.network.own.kind": _NETWORK,
    # And everything else, since the provider is another one: it is another stack.
    "target.region": ("ec2/subnet", "ec2/vpcEndpoint", "iam/role", "iam/rolePolicy"),
}
