"""A program with one resource of each area, which the stand-in itself is tried on."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import cloudwatch, ec2, ecs, iam, s3, secretsmanager, sqs
from pulumi_aws import vpc as rules

config = pulumi.Config()
size = config.get("size") or "small"
zones = ("a", "b") if size == "small" else ("a", "b", "c")
# What a preview on a machine without credentials needs: some that nobody tries.
offline: dict[str, Any] = {
    "access_key": "none",
    "secret_key": "none",
    "skip_credentials_validation": True,
    "skip_requesting_account_id": True,
    "skip_metadata_api_check": True,
}
provider = aws.Provider(
    "aws",
    **(offline if config.get_bool("offline") else {}),
    region="eu-central-1",
    default_tags=aws.ProviderDefaultTagsArgs(
        tags={"stack": "small"} | ({"size": size} if config.get("tagged") else {})
    ),
)
opts = pulumi.ResourceOptions(provider=provider)
vpc = ec2.Vpc("net", cidr_block="10.0.0.0/21", enable_dns_support=True, enable_dns_hostnames=True, opts=opts)
ec2.DefaultSecurityGroup("net-default", vpc_id=vpc.id, opts=opts)
subnets = [
    ec2.Subnet(
        f"net-{zone}",
        vpc_id=vpc.id,
        cidr_block=f"10.0.{number}.0/24",
        availability_zone=f"eu-central-1{zone}",
        opts=opts,
    )
    for number, zone in enumerate(zones)
]
gateway = ec2.InternetGateway("net", vpc_id=vpc.id, opts=opts)
routes = ec2.RouteTable("net", vpc_id=vpc.id, opts=opts)
ec2.Route("net-out", route_table_id=routes.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id, opts=opts)
for zone, subnet in zip(zones, subnets, strict=True):
    ec2.RouteTableAssociation(f"net-{zone}", route_table_id=routes.id, subnet_id=subnet.id, opts=opts)
web = ec2.SecurityGroup("web", vpc_id=vpc.id, description="Web", opts=opts)
data = ec2.SecurityGroup("data", vpc_id=vpc.id, description="Data", opts=opts)
rules.SecurityGroupIngressRule(
    "web-https",
    security_group_id=web.id,
    description="HTTPS",
    cidr_ipv4=config.get("cidr") or "203.0.113.0/24",
    ip_protocol="tcp",
    from_port=443,
    to_port=443,
    opts=opts,
)
rules.SecurityGroupIngressRule(
    "data-web",
    security_group_id=data.id,
    description="From the web",
    referenced_security_group_id=web.id,
    ip_protocol="tcp",
    from_port=5432,
    to_port=5432,
    opts=opts,
)
rules.SecurityGroupEgressRule(
    "web-out", security_group_id=web.id, description="Out", cidr_ipv4="0.0.0.0/0", ip_protocol="-1", opts=opts
)
bucket = s3.Bucket("files", force_destroy=True, opts=opts)
s3.BucketPublicAccessBlock(
    "files",
    bucket=bucket.bucket,
    block_public_acls=True,
    block_public_policy=True,
    ignore_public_acls=True,
    restrict_public_buckets=True,
    opts=opts,
)
dead = sqs.Queue("dead", sqs_managed_sse_enabled=True, opts=opts)
queue = sqs.Queue(
    "work",
    name="small-work",
    visibility_timeout_seconds=int(config.get("visibility") or 3600),
    redrive_policy=dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5})),
    opts=opts,
)
group = cloudwatch.LogGroup("log", name="/small/log", retention_in_days=int(config.get("days") or 30), opts=opts)
role = iam.Role(
    "task",
    assume_role_policy=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
            ],
        }
    ),
    opts=opts,
)
iam.RolePolicy(
    "task",
    role=role.name,
    policy=queue.arn.apply(
        lambda arn: json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": arn}],
            }
        )
    ),
    opts=opts,
)
cluster = ecs.Cluster(
    "cluster", name="small", settings=[ecs.ClusterSettingArgs(name="containerInsights", value="disabled")], opts=opts
)
ecs.ClusterCapacityProviders(
    "cluster", cluster_name=cluster.name, capacity_providers=["FARGATE", "FARGATE_SPOT"], opts=opts
)
secret = secretsmanager.Secret("secret", name_prefix="small/", recovery_window_in_days=0, opts=opts)
secretsmanager.SecretVersion(
    "secret",
    secret_id=secret.id,
    secret_string=config.require_secret("password"),
    opts=opts,
)
if config.get_bool("asks"):
    aws.get_caller_identity(opts=pulumi.InvokeOptions(provider=provider))
pulumi.export("bucket", bucket.bucket)
pulumi.export("queue", queue.url)
pulumi.export("account", cluster.arn.apply(lambda arn: arn.split(":")[4]))
