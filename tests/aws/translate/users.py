"""What uses a subnet or a security group: AWS refuses to delete it then, moto does not."""

from __future__ import annotations

from typing import Any

import jmespath

from aws.translate.kind import Aws

# Where each service names its subnets and its groups: call, JMESPath of the users, and in a user of its name, its
# subnets, its groups.
_USERS = (
    ("rds", "describe_db_instances", "DBInstances[]", "DBInstanceArn",
     "DBSubnetGroup.Subnets[].SubnetIdentifier", "VpcSecurityGroups[].VpcSecurityGroupId"),
    ("elbv2", "describe_load_balancers", "LoadBalancers[]", "LoadBalancerArn",
     "AvailabilityZones[].SubnetId", "SecurityGroups"),
    ("ec2", "describe_vpc_endpoints", "VpcEndpoints[?State!='deleted']", "VpcEndpointId",
     "SubnetIds", "Groups[].GroupId"),
    ("ec2", "describe_nat_gateways", "NatGateways[?State!='deleted']", "NatGatewayId",
     "SubnetId && [SubnetId]", "null"),
    ("elasticache", "describe_cache_clusters", "CacheClusters[]", "ARN", "null", "SecurityGroups[].SecurityGroupId"),
)  # fmt: skip


def of_subnet(aws: Aws, subnet: str) -> list[str]:
    """ARNs or ids of what has a network interface in the subnet."""
    found = [name for name, subnets, _ in _users(aws) if subnet in (subnets or [])]
    return found + [arn for arn, network in services(aws) if subnet in network.get("subnets", [])]


def of_group(aws: Aws, group: str) -> list[str]:
    """ARNs or ids of what carries the group, and of groups whose rules name it."""
    found = [name for name, _, groups in _users(aws) if group in (groups or [])]
    found += [arn for arn, network in services(aws) if group in network.get("securityGroups", [])]
    rules = aws.call("ec2", "describe_security_group_rules")["SecurityGroupRules"]
    return found + [
        f"a rule of {rule['GroupId']}"
        for rule in rules
        if rule["GroupId"] != group and rule.get("ReferencedGroupInfo", {}).get("GroupId") == group
    ]


def _users(aws: Aws) -> list[tuple[str, Any, Any]]:
    found = []
    for service, call, path, *fields in _USERS:
        for user in jmespath.search(path, aws.call(service, call)) or []:
            name, subnets, groups = (jmespath.search(field, user) for field in fields)
            found.append((name, subnets, groups))
    return found


def services(aws: Aws) -> list[tuple[str, dict[str, list[str]]]]:
    """ARNs of the ECS services that are not deleted, with their network."""
    found = []
    for cluster in aws.call("ecs", "list_clusters")["clusterArns"]:
        arns = aws.call("ecs", "list_services", cluster=cluster, maxResults=100)["serviceArns"]
        for start in range(0, len(arns), 10):
            answer = aws.call("ecs", "describe_services", cluster=cluster, services=arns[start : start + 10])
            found += [
                (one["serviceArn"], one.get("networkConfiguration", {}).get("awsvpcConfiguration", {}))
                for one in answer["services"]
                if one["status"] != "INACTIVE"
            ]
    return found
