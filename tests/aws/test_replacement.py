"""What the provider makes anew instead of changing it, held against its source: the stand-in must know it.

A change that is a replacement upstream and an update in the stand-in hides what real AWS would lose. Read were the
schemas in hashicorp/terraform-provider-aws, internal/service/…: `ForceNew`, `RequiresReplace` and `CustomizeDiff`.
"""

from __future__ import annotations

from typing import Any

import pytest

from aws.standin import StandIn
from aws.translate import KINDS
from aws.translate.kind import RefusedError

REGION = "eu-central-1"
SERVICE = "aws:ecs/service:Service"
CACHE = "aws:elasticache/replicationGroup:ReplicationGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"

# By type: the file, what is made anew by a change of it, and what else the program says, which is changed in place.
FORCE_NEW: dict[str, tuple[str, str, str]] = {
    SERVICE: (
        "ecs/service.go",
        "name cluster iamRole launchType schedulingStrategy",
        "availabilityZoneRebalancing deploymentCircuitBreaker deploymentMaximumPercent deploymentMinimumHealthyPercent"
        " desiredCount enableEcsManagedTags enableExecuteCommand forceDelete forceNewDeployment loadBalancers"
        " healthCheckGracePeriodSeconds networkConfiguration platformVersion propagateTags taskDefinition"
        " waitForSteadyState",
    ),
    CACHE: (
        "elasticache/replication_group.go",
        "atRestEncryptionEnabled dataTieringEnabled globalReplicationGroupId kmsKeyId networkType port"
        " replicationGroupId securityGroupNames snapshotArns snapshotName subnetGroupName",
        "applyImmediately authToken autoMinorVersionUpgrade automaticFailoverEnabled description multiAzEnabled"
        " nodeType numCacheClusters numNodeGroups parameterGroupName securityGroupIds snapshotRetentionLimit"
        " transitEncryptionEnabled transitEncryptionMode",
    ),
    "aws:elasticache/parameterGroup:ParameterGroup": (
        "elasticache/parameter_group.go", "name family description", "parameters",
    ),
    "aws:elasticache/subnetGroup:SubnetGroup": ("elasticache/subnet_group.go", "name", "description subnetIds"),
    "aws:rds/parameterGroup:ParameterGroup": (
        "rds/parameter_group.go", "name namePrefix family description", "parameters skipDestroy",
    ),
    "aws:rds/instance:Instance": (
        # Renamed in place since 5.0: https://github.com/hashicorp/terraform-provider-aws/issues/32590
        "rds/instance.go",
        "availabilityZone characterSetName dbName engine kmsKeyId snapshotIdentifier storageEncrypted timezone"
        " username",
        "identifier allocatedStorage applyImmediately autoMinorVersionUpgrade backupRetentionPeriod caCertIdentifier"
        " copyTagsToSnapshot dbSubnetGroupName deletionProtection engineVersion instanceClass maxAllocatedStorage"
        " multiAz parameterGroupName password performanceInsightsEnabled port publiclyAccessible storageType"
        " vpcSecurityGroupIds",
    ),
    "aws:lb/targetGroup:TargetGroup": (
        "elbv2/target_group.go",
        "ipAddressType name namePrefix port protocol protocolVersion targetType vpcId",
        "deregistrationDelay healthCheck stickiness",
    ),
    "aws:lb/loadBalancer:LoadBalancer": (
        "elbv2/load_balancer.go",
        "customerOwnedIpv4Pool internal loadBalancerType name namePrefix",
        "desyncMitigationMode dropInvalidHeaderFields enableDeletionProtection idleTimeout securityGroups subnets",
    ),
    "aws:ec2/securityGroup:SecurityGroup": (
        "ec2/vpc_security_group.go", "description name namePrefix vpcId", "ingress egress",
    ),
    INGRESS: (
        "ec2/vpc_security_group_ingress_rule.go", "securityGroupId", "description fromPort ipProtocol toPort",
    ),
    ENDPOINT: (
        "ec2/vpc_endpoint.go",
        "resourceConfigurationArn serviceName serviceNetworkArn serviceRegion vpcEndpointType vpcId",
        "routeTableIds securityGroupIds subnetIds",
    ),
    "aws:cloudwatch/logGroup:LogGroup": ("logs/group.go", "logGroupClass name namePrefix", "kmsKeyId retentionInDays"),
    "aws:iam/policy:Policy": ("iam/policy.go", "description name namePrefix path", "policy"),
    "aws:ecr/repository:Repository": (
        "ecr/repository.go",
        "encryptionConfigurations name",
        "forceDelete imageScanningConfiguration imageTagMutability",
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": ("ecr/lifecycle_policy.go", "policy repository", ""),
    "aws:sqs/queue:Queue": (
        "sqs/queue.go",
        "fifoQueue name namePrefix",
        "messageRetentionSeconds receiveWaitTimeSeconds redrivePolicy sqsManagedSseEnabled visibilityTimeoutSeconds",
    ),
    "aws:secretsmanager/secretVersion:SecretVersion": (
        "secretsmanager/secret_version.go", "secretBinary secretId secretString", "",
    ),
    "aws:route53/record:Record": ("route53/record.go", "name zoneId", "aliases allowOverwrite records ttl type"),
}  # fmt: skip


@pytest.mark.parametrize("type_", FORCE_NEW, ids=[one.split(":")[1] for one in FORCE_NEW])
def test_what_makes_a_resource_anew(type_: str) -> None:
    """Rule: by the schema's own word, and no other property."""
    _, anew, changed = (set(words.split()) for words in FORCE_NEW[type_])
    olds = dict.fromkeys(anew | changed, "1")
    news = dict.fromkeys(anew | changed, "2")
    found = StandIn(REGION).difference(type_, olds, news)
    assert set(found.replacing) == anew
    assert set(found.changed) == anew | changed


def test_every_kind_is_made_anew_by_its_own_name() -> None:
    """Rule: also of the kinds whose source is not in the table: what names a resource in AWS can't be changed there."""
    renamed = {"aws:rds/instance:Instance"}
    for type_, kind in KINDS.items():
        assert type_ in renamed or "*" in kind.replaces or not kind.named[0] or kind.named[0] in kind.replaces, type_


def test_another_capacity_needs_a_forced_deployment() -> None:
    """Rule: capacityProviderStrategyCustomizeDiff: an error without forceNewDeployment, an update with it."""
    olds, news = ({"capacityProviderStrategies": [{"capacityProvider": one}]} for one in ("FARGATE", "FARGATE_SPOT"))
    with pytest.raises(RefusedError, match="force_new_deployment should be true"):
        StandIn(REGION).difference(SERVICE, olds, news)
    found = StandIn(REGION).difference(SERVICE, olds, news | {"forceNewDeployment": True})
    assert found.replacing == []


@pytest.mark.parametrize(
    ("olds", "news", "anew"),
    [
        ({"engine": "redis", "engineVersion": "7.1"}, {"engine": "valkey", "engineVersion": "8.0"}, []),
        ({"engine": "valkey", "engineVersion": "8.0"}, {"engine": "redis", "engineVersion": "8.1"}, ["engine"]),
        ({"engine": "valkey", "engineVersion": "8.0"}, {"engine": "valkey", "engineVersion": "8.1"}, []),
        ({"engine": "valkey", "engineVersion": "8.1"}, {"engine": "valkey", "engineVersion": "8.0"}, ["engineVersion"]),
    ],
    ids=["to-valkey", "back-to-redis", "newer", "older"],
)
def test_a_cache_is_never_downgraded(olds: dict[str, Any], news: dict[str, Any], anew: list[str]) -> None:
    """Rule: customizeDiffEngineForceNewOnDowngrade and …EngineVersion…: an older one is a new, empty cache."""
    assert StandIn(REGION).difference(CACHE, olds, news).replacing == anew


@pytest.mark.parametrize(
    ("type_", "olds", "news", "anew"),
    [
        (INGRESS, {"cidrIpv4": "10.0.0.0/8"}, {"cidrIpv4": "10.0.0.0/16"}, set()),
        (
            INGRESS,
            {"cidrIpv4": "10.0.0.0/8"},
            {"referencedSecurityGroupId": "sg-1"},
            {"cidrIpv4", "referencedSecurityGroupId"},
        ),
        (
            ENDPOINT,
            {"vpcEndpointType": "Interface", "privateDnsEnabled": True},
            {"vpcEndpointType": "Interface", "privateDnsEnabled": False},
            set(),
        ),
        (ENDPOINT, {"privateDnsEnabled": True}, {"privateDnsEnabled": False}, {"privateDnsEnabled"}),
    ],
    ids=["address", "group-for-address", "interface", "gateway"],
)
def test_what_depends_on_what_it_was(type_: str, olds: dict[str, Any], news: dict[str, Any], anew: set[str]) -> None:
    """Rule: ModifyPlan of a rule, CustomizeDiff of an endpoint."""
    assert set(StandIn(REGION).difference(type_, olds, news).replacing) == anew
