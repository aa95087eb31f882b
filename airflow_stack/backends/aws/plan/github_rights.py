"""What a deployment may do to the parts of a stack, service by service. Pure.

Resources are named by the stack's prefix where a service knows names, and by its tag where it knows tags alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_stack.backends.aws.plan.network import ExistingVpc
from airflow_stack.backends.aws.plan.refs import ACCOUNT, PARTITION
from airflow_stack.backends.aws.plan.rights import Statement, statement
from airflow_stack.backends.aws.plan.servers import Cache, Queues

if TYPE_CHECKING:
    from airflow_stack.backends.aws.plan import AwsPlan

TAG = "airflow-stack"


def actions(service: str, names: str) -> list[str]:
    """Of one service, from their names with spaces between."""
    return [f"{service}:{name}" for name in names.split()]


class PartsRights:
    """Statements by topic, for one stack in whatever account."""

    def __init__(self, plan: AwsPlan) -> None:
        self._plan = plan
        self._ours: dict[str, Any] = {"StringEquals": {f"aws:ResourceTag/{TAG}": plan.name}}
        self._made: dict[str, Any] = {"StringEquals": {f"aws:RequestTag/{TAG}": plan.name}}

    def _arn(self, service: str, *names: str) -> list[str]:
        return [f"arn:{PARTITION}:{service}:{self._plan.region}:{ACCOUNT}:{name}" for name in names]

    def network(self) -> list[Statement]:
        kinds = (
            "elastic-ip", "internet-gateway", "natgateway", "route-table", "security-group", "security-group-rule",
            "subnet", "vpc", "vpc-endpoint",
        )  # fmt: skip
        resources = self._arn("ec2", *(f"{kind}/*" for kind in kinds))
        make = (
            "AllocateAddress AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateInternetGateway"
            " CreateNatGateway CreateRouteTable CreateSecurityGroup CreateSubnet CreateVpc CreateVpcEndpoint"
        )
        change = (
            "AssociateRouteTable AttachInternetGateway CreateRoute CreateTags DeleteInternetGateway DeleteNatGateway"
            " DeleteRoute DeleteRouteTable DeleteSecurityGroup DeleteSubnet DeleteTags DeleteVpc DeleteVpcEndpoints"
            " DescribeVpcAttribute DetachInternetGateway DisassociateAddress DisassociateRouteTable"
            " ModifySecurityGroupRules ModifySubnetAttribute ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress"
            " ReplaceRoute ReplaceRouteTableAssociation RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
        )
        read = (
            "DescribeAddresses DescribeAddressesAttribute DescribeAvailabilityZones DescribeInternetGateways"
            " DescribeManagedPrefixLists DescribeNatGateways DescribeNetworkAcls DescribeNetworkInterfaces"
            " DescribePrefixLists DescribeRouteTables DescribeSecurityGroupRules DescribeSecurityGroups"
            " DescribeSubnets DescribeVpcEndpoints DescribeVpcs"
        )
        created = make.split()
        statements = [
            statement("ReadNetwork", actions("ec2", read), ["*"]),
            # What is made bears the tag; what it is made in bears it already.
            statement("MakeNetwork", actions("ec2", make), resources, self._made),
            statement("ChangeNetwork", actions("ec2", f"{make} {change}"), resources, self._ours),
            statement("TagNetwork", ["ec2:CreateTags"], resources, {"StringEquals": {"ec2:CreateAction": created}}),
        ]
        vpc = self._plan.network.vpc
        if isinstance(vpc, ExistingVpc):
            subnets = (f"subnet/{subnet}" for subnet in (*vpc.public, *vpc.private))
            theirs = self._arn("ec2", f"vpc/{vpc.vpc_id}", *subnets)
            made = actions("ec2", "CreateSecurityGroup")
            statements.append(statement("ExistingNetwork", made, theirs))
        return statements

    def entry(self) -> list[Statement]:
        """Load balancer, certificate and domain."""
        prefix = self._plan.name
        read = (
            "DescribeListenerAttributes DescribeListenerCertificates DescribeListeners"
            " DescribeLoadBalancerAttributes DescribeLoadBalancers DescribeTags"
            " DescribeTargetGroupAttributes DescribeTargetGroups DescribeTargetHealth DescribeCapacityReservation"
        )
        change = (
            "AddTags CreateListener CreateLoadBalancer CreateTargetGroup DeleteListener DeleteLoadBalancer"
            " DeleteTargetGroup ModifyListener ModifyLoadBalancerAttributes ModifyTargetGroup"
            " ModifyTargetGroupAttributes RemoveTags SetSecurityGroups SetSubnets"
        )
        names = (f"{kind}/app/{prefix}*/*" for kind in ("loadbalancer", "listener"))
        resources = self._arn("elasticloadbalancing", *names, f"targetgroup/{prefix}*/*")
        return [
            statement("ReadBalancer", actions("elasticloadbalancing", read), ["*"]),
            statement("Balancer", actions("elasticloadbalancing", change), resources),
            *self._domain(),
        ]

    def _domain(self) -> list[Statement]:
        zone = self._plan.entry.asked.hosted_zone_id
        if zone is None:
            return []
        change = "DeleteCertificate DescribeCertificate GetCertificate ListTagsForCertificate RemoveTagsFromCertificate"
        certificates = self._arn("acm", "certificate/*")
        return [
            statement("Certificate", ["acm:RequestCertificate"], ["*"], self._made),
            statement("TagCertificate", ["acm:AddTagsToCertificate"], certificates, self._made),
            statement("OwnCertificate", actions("acm", change), certificates, self._ours),
            statement(
                "Zone",
                actions("route53", "ChangeResourceRecordSets GetHostedZone ListResourceRecordSets"),
                [f"arn:{PARTITION}:route53:::hostedzone/{zone}"],
            ),
            statement("ZoneChange", ["route53:GetChange"], [f"arn:{PARTITION}:route53:::change/*"]),
        ]

    def data(self) -> list[Statement]:
        prefix = self._plan.name
        buckets = f"arn:{PARTITION}:s3:::{prefix}-*"
        bucket = (
            "CreateBucket DeleteBucket DeleteBucketPolicy GetAccelerateConfiguration GetBucketAcl GetBucketCORS"
            " GetBucketLocation GetBucketLogging GetBucketObjectLockConfiguration GetBucketOwnershipControls"
            " GetBucketPolicy GetBucketPublicAccessBlock GetBucketRequestPayment GetBucketTagging GetBucketVersioning"
            " GetBucketWebsite GetEncryptionConfiguration GetLifecycleConfiguration GetReplicationConfiguration"
            " ListBucket ListBucketVersions PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock"
            " PutBucketTagging PutBucketVersioning PutEncryptionConfiguration PutLifecycleConfiguration"
        )
        image = (
            "BatchCheckLayerAvailability BatchDeleteImage BatchGetImage CompleteLayerUpload CreateRepository"
            " DeleteLifecyclePolicy DeleteRepository DescribeImages DescribeRepositories GetDownloadUrlForLayer"
            " GetLifecyclePolicy InitiateLayerUpload ListImages ListTagsForResource PutImage"
            " PutImageScanningConfiguration PutImageTagMutability PutLifecyclePolicy TagResource"
            " UntagResource UploadLayerPart"
        )
        vault = (
            "CreateSecret DeleteSecret DescribeSecret GetResourcePolicy GetSecretValue PutSecretValue TagResource"
            " UntagResource UpdateSecret UpdateSecretVersionStage"
        )
        repositories = self._arn("ecr", f"repository/{self._plan.repository.name('*')}")
        statements = [
            statement("Bucket", actions("s3", bucket), [buckets]),
            statement("Images", actions("ecr", image), repositories),
            statement("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
            statement("Secrets", actions("secretsmanager", vault), self._arn("secretsmanager", f"secret:{prefix}/*")),
        ]
        if not self._plan.bucket.keep:
            objects = actions("s3", "DeleteObject DeleteObjectVersion")
            statements.append(statement("EmptyBucket", objects, [f"{buckets}/*"]))
        if self._plan.database is not None:
            change = (
                "AddTagsToResource CreateDBInstance CreateDBParameterGroup CreateDBSnapshot CreateDBSubnetGroup"
                " DeleteDBInstance DeleteDBParameterGroup DeleteDBSubnetGroup"
                " DescribeDBParameterGroups DescribeDBParameters DescribeDBSubnetGroups ListTagsForResource"
                " ModifyDBInstance ModifyDBParameterGroup ModifyDBSubnetGroup RebootDBInstance RemoveTagsFromResource"
                " ResetDBParameterGroup"
            )
            kinds = (f"{kind}:{prefix}-*" for kind in ("db", "pg", "snapshot", "subgrp"))
            statements += [
                statement("Database", actions("rds", change), self._arn("rds", *kinds)),
                # What is made without an option group of its own gets AWS's default one.
                statement("DefaultOptions", ["rds:CreateDBInstance"], self._arn("rds", "og:default*")),
                # The provider looks an instance up by a filter, which AWS judges as a look at all of them.
                statement("ReadDatabases", ["rds:DescribeDBInstances"], self._arn("rds", "db:*")),
            ]
        return [*statements, *self._broker()]

    def _broker(self) -> list[Statement]:
        prefix, broker = self._plan.name, self._plan.broker
        if isinstance(broker, Queues):
            change = (
                "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue"
                " UntagQueue"
            )
            return [statement("Queues", actions("sqs", change), self._arn("sqs", f"{prefix}-*"))]
        if isinstance(broker, Cache):
            change = (
                "AddTagsToResource CreateCacheParameterGroup CreateCacheSubnetGroup CreateReplicationGroup"
                " DecreaseReplicaCount DeleteCacheParameterGroup DeleteCacheSubnetGroup DeleteReplicationGroup"
                " DescribeCacheClusters DescribeCacheParameterGroups DescribeCacheParameters"
                " DescribeCacheSubnetGroups DescribeReplicationGroups IncreaseReplicaCount ListTagsForResource"
                " ModifyCacheParameterGroup ModifyCacheSubnetGroup ModifyReplicationGroup RemoveTagsFromResource"
                " ResetCacheParameterGroup"
            )
            kinds = ("cluster", "parametergroup", "replicationgroup", "subnetgroup")
            names = (f"{kind}:{prefix}-*" for kind in kinds)
            return [statement("Cache", actions("elasticache", change), self._arn("elasticache", *names))]
        return []

    def compute(self) -> list[Statement]:
        prefix = self._plan.name
        names = ("cluster/{0}", "service/{0}/{0}-*", "task-definition/{0}-*:*", "task/{0}/*")
        change = (
            "CreateCluster CreateService DeleteCluster DeleteService DescribeClusters DescribeServices DescribeTasks"
            " ListTagsForResource PutClusterCapacityProviders RegisterTaskDefinition RunTask StopTask TagResource"
            " UntagResource UpdateCluster UpdateClusterSettings UpdateService"
        )
        scaling = (
            "DeleteScalingPolicy DeleteScheduledAction DeregisterScalableTarget PutScalingPolicy PutScheduledAction"
            " RegisterScalableTarget ListTagsForResource TagResource UntagResource"
        )
        read = "DescribeScalableTargets DescribeScalingPolicies DescribeScheduledActions"
        targets = self._arn("application-autoscaling", "scalable-target/*")
        definitions = "DeregisterTaskDefinition DescribeTaskDefinition ListTaskDefinitions"
        return [
            statement("Cluster", actions("ecs", change), self._arn("ecs", *(name.format(prefix) for name in names))),
            # AWS knows no resource of these.
            statement("TaskDefinitions", actions("ecs", definitions), ["*"]),
            statement("Scaling", actions("application-autoscaling", scaling), targets),
            statement("ReadScaling", actions("application-autoscaling", read), ["*"]),
        ]

    def watching(self) -> list[Statement]:
        prefix = self._plan.name
        groups = (f"/airflow-stack/{prefix}/*", f"/aws/rds/instance/{prefix}-*", f"/aws/events/{prefix}-*")
        change = (
            "CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy DescribeLogStreams"
            " FilterLogEvents GetLogEvents ListTagsForResource PutRetentionPolicy TagResource UntagResource"
        )
        alarms = "DeleteAlarms ListTagsForResource PutCompositeAlarm PutMetricAlarm TagResource UntagResource"
        rules = (
            "DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets RemoveTargets TagResource"
            " UntagResource"
        )
        log_groups = [name for group in groups for name in (f"log-group:{group}", f"log-group:{group}:*")]
        statements = [
            statement("Logs", actions("logs", change), self._arn("logs", *log_groups)),
            statement(
                "LogPolicies",
                actions("logs", "DeleteResourcePolicy DescribeLogGroups DescribeResourcePolicies PutResourcePolicy"),
                ["*"],
            ),
            statement("Alarms", actions("cloudwatch", alarms), self._arn("cloudwatch", f"alarm:{prefix}-*")),
            statement("ReadAlarms", ["cloudwatch:DescribeAlarms"], self._arn("cloudwatch", "alarm:*")),
            statement(
                "Dashboard",
                actions("cloudwatch", "DeleteDashboards GetDashboard PutDashboard"),
                [f"arn:{PARTITION}:cloudwatch::{ACCOUNT}:dashboard/{prefix}*"],
            ),
            statement("Events", actions("events", rules), self._arn("events", f"rule/{prefix}-*")),
        ]
        if self._plan.watching.email is not None:
            statements += self._mail()
        if self._plan.logs.firelens:
            statements += self._firelens()
        return statements

    def _mail(self) -> list[Statement]:
        topic = (
            "CreateTopic DeleteTopic GetTopicAttributes ListTagsForResource SetTopicAttributes Subscribe TagResource"
            " UntagResource"
        )
        key = (
            "DescribeKey EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags PutKeyPolicy"
            " ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription"
        )
        return [
            statement("Mail", actions("sns", topic), self._arn("sns", f"{self._plan.name}-*")),
            # AWS knows no resource of these.
            statement("Subscription", actions("sns", "GetSubscriptionAttributes Unsubscribe"), ["*"]),
            statement("MakeKey", ["kms:CreateKey"], ["*"], self._made),
            # A key that is being made has no tag yet, and KMS can't tell that moment from a later one.
            # https://docs.aws.amazon.com/kms/latest/developerguide/tag-permissions.html
            statement("TagKey", ["kms:TagResource"], self._arn("kms", "key/*"), self._made),
            statement("Key", actions("kms", key), self._arn("kms", "key/*"), self._ours),
        ]

    def _firelens(self) -> list[Statement]:
        prefix = self._plan.name
        stream = (
            "CreateDeliveryStream DeleteDeliveryStream DescribeDeliveryStream ListTagsForDeliveryStream"
            " StartDeliveryStreamEncryption TagDeliveryStream UntagDeliveryStream UpdateDestination"
        )
        table = (
            "CreateDatabase CreateTable DeleteDatabase DeleteTable GetDatabase GetTable GetTags UpdateDatabase"
            " UpdateTable GetPartitionIndexes TagResource UntagResource"
        )
        group = (
            "CreateWorkGroup DeleteWorkGroup GetWorkGroup ListTagsForResource TagResource UntagResource UpdateWorkGroup"
        )
        query = "CreateNamedQuery DeleteNamedQuery GetNamedQuery"
        database = f"{prefix.replace('-', '_')}_logs"
        tables = self._arn(
            "glue", "catalog", f"database/{database}", f"table/{database}/*", f"userDefinedFunction/{database}/*"
        )
        return [
            statement("Stream", actions("firehose", stream), self._arn("firehose", f"deliverystream/{prefix}-*")),
            statement("Tables", actions("glue", table), tables),
            statement("Queries", actions("athena", f"{group} {query}"), self._arn("athena", f"workgroup/{prefix}-*")),
        ]
