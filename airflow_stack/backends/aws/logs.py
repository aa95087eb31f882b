"""Where the services' logs go: CloudWatch, or by Firehose to S3 with a table and a workgroup to query them."""

from __future__ import annotations

import pulumi
from pulumi_aws import cloudwatch, iam, kinesis

from airflow_stack.backends.aws.log_queries import RECORDS, LogQueries
from airflow_stack.backends.aws.plan.cluster import FIREHOSE, LogsPlan
from airflow_stack.backends.aws.plan.policy_document import account, document, partition

# Beside the records: service-logs/ is what the bucket's lifecycle rule deletes after `logs.retention_days`.
FAILED = "service-logs/failed/"

# A line is found five minutes after it was written. Sooner means more and smaller files, which make queries slow.
BUFFER_SECONDS = 300
BUFFER_MIB = 5


class Logs(pulumi.ComponentResource):
    """A log group for each service, and where ``logs.firelens`` says so the way to S3 and back by SQL.

    The groups are there in either case: migration and one-off commands are followed in CloudWatch, and the log router
    writes there what is wrong with itself. They go with the stack; what is to outlive it is in S3.
    """

    groups: dict[str, pulumi.Output[str]]
    """Names by service."""
    group_arns: dict[str, pulumi.Output[str]]
    """By service, without ``:*``."""
    firehose_name: pulumi.Output[str] | None = None
    firehose_arn: pulumi.Output[str] | None = None
    workgroup_name: pulumi.Output[str] | None = None
    """Of Athena, where the examples of queries are."""

    def __init__(
        self,
        name: str,
        planned: LogsPlan,
        bucket: pulumi.Input[str],
        bucket_arn: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("airflow-stack:aws:Logs", name, None, opts)
        self._name = name
        self._planned = planned
        made = {service: self._group(service) for service in planned.roles}
        self.groups = {service: group.name for service, group in made.items()}
        self.group_arns = {service: group.arn for service, group in made.items()}
        if planned.firelens:
            stream = self._firehose(bucket_arn)
            self.firehose_name = stream.name
            self.firehose_arn = stream.arn
            queries = LogQueries(
                f"{name}-queries", planned.prefix, bucket, planned.days, pulumi.ResourceOptions(parent=self)
            )
            self.workgroup_name = queries.workgroup_name
        self.register_outputs({})

    def _group(self, purpose: str) -> cloudwatch.LogGroup:
        return cloudwatch.LogGroup(
            f"{self._name}-{purpose}",
            name=self._planned.group(purpose),
            retention_in_days=self._planned.days,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _firehose(self, bucket_arn: pulumi.Input[str]) -> kinesis.FirehoseDeliveryStream:
        child = pulumi.ResourceOptions(parent=self)
        # Firehose says here why it could not deliver. It makes no stream by itself.
        errors = self._group(FIREHOSE)
        stream = cloudwatch.LogStream(
            f"{self._name}-firehose-errors", name="delivery", log_group_name=errors.name, opts=child
        )
        name = f"{self._planned.prefix}-service-logs"
        role = iam.Role(
            f"{self._name}-firehose",
            name_prefix=f"{self._planned.prefix}-firehose-",
            description="Firehose writes the services' logs to the bucket",
            assume_role_policy=errors.arn.apply(lambda arn: trust(arn, name)),
            opts=child,
        )
        policy = iam.RolePolicy(
            f"{self._name}-firehose-delivery",
            role=role.name,
            policy=pulumi.Output.all(bucket_arn, errors.arn).apply(lambda arns: delivery(arns[0], arns[1])),
            opts=child,
        )
        return kinesis.FirehoseDeliveryStream(
            f"{self._name}-firehose",
            name=name,
            destination="extended_s3",
            server_side_encryption=kinesis.FirehoseDeliveryStreamServerSideEncryptionArgs(
                enabled=True, key_type="AWS_OWNED_CMK"
            ),
            extended_s3_configuration=kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationArgs(
                bucket_arn=bucket_arn,
                role_arn=role.arn,
                prefix=RECORDS + "!{timestamp:yyyy/MM/dd}/",
                error_output_prefix=FAILED + "!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/",
                buffering_interval=BUFFER_SECONDS,
                buffering_size=BUFFER_MIB,
                compression_format="GZIP",
                cloudwatch_logging_options=kinesis.FirehoseDeliveryStreamExtendedS3ConfigurationCloudwatchLoggingOptionsArgs(
                    enabled=True, log_group_name=errors.name, log_stream_name=stream.name
                ),
            ),
            # Firehose tries its role when it is created, and stops writing when the permission goes first.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )


def trust(log_group_arn: str, stream: str) -> str:
    """Who takes the role: Firehose, for this stream of this account and for no other customer of it.

    The region and the account are those of the log group.
    """
    region = log_group_arn.split(":")[3]
    owner = account(log_group_arn)
    return document(
        {
            "Sid": "Firehose",
            "Effect": "Allow",
            "Principal": {"Service": "firehose.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": owner},
                "ArnLike": {
                    "aws:SourceArn": f"arn:{partition(log_group_arn)}:firehose:{region}:{owner}:deliverystream/{stream}"
                },
            },
        }
    )


def delivery(bucket_arn: str, log_group_arn: str) -> str:
    """What Firehose may do: write below its two prefixes, and say what went wrong.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3
    """
    return document(
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:PutObject"],
            "Resource": [f"{bucket_arn}/{RECORDS}*", f"{bucket_arn}/{FAILED}*"],
        },
        {
            "Sid": "Bucket",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": bucket_arn,
        },
        {
            "Sid": "SayWhatWentWrong",
            "Effect": "Allow",
            "Action": "logs:PutLogEvents",
            "Resource": f"{log_group_arn}:log-stream:*",
        },
    )
