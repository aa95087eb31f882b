"""The bucket: logs of the tasks, and where they go there, of the services; backups."""

from __future__ import annotations

from collections.abc import Mapping

import pulumi
from pulumi_aws import s3

from airflow_stack.backends.aws.plan.policy_document import document
from airflow_stack.backends.aws.plan.stores import Bucket

# Days: in which an overwritten or deleted object can be brought back, and after which an upload that has not ended is
# given up.
OLD_VERSION_DAYS = 30
UPLOAD_DAYS = 7


class Storage(pulumi.ComponentResource):
    """One private bucket: encrypted, versioned, by TLS alone, and nothing in it stays for ever but backups."""

    bucket: pulumi.Output[str]
    """Its name."""
    bucket_arn: pulumi.Output[str]

    def __init__(self, name: str, planned: Bucket, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow-stack:aws:Storage", name, None, opts)
        # A bucket with logs in it can't be deleted, and without delete_data shall not be. It keeps what makes it safe,
        # too: a bucket without its public access block would be a worse heritage than none.
        options = pulumi.ResourceOptions(parent=self, retain_on_delete=planned.keep)
        bucket = s3.Bucket(
            f"{name}-bucket",
            # The name is unique in all of AWS, and the next stack must not stumble over one that was kept.
            bucket_prefix=planned.prefix,
            force_destroy=not planned.keep,
            opts=options,
        )
        private = s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=options,
        )
        s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership="BucketOwnerEnforced"),
            opts=options,
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                        sse_algorithm="AES256"
                    ),
                    bucket_key_enabled=True,
                )
            ],
            opts=options,
        )
        versioning = s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status="Enabled"),
            opts=options,
        )
        s3.BucketPolicy(
            f"{name}-policy",
            bucket=bucket.bucket,
            policy=bucket.arn.apply(tls_only),
            # S3 refuses two changes of a bucket's access at a time.
            opts=_after(options, private),
        )
        s3.BucketLifecycleConfiguration(
            f"{name}-lifecycle",
            bucket=bucket.bucket,
            rules=_rules(planned.days),
            # A rule about old versions needs a bucket that has them.
            opts=_after(options, versioning),
        )
        self.bucket = bucket.bucket
        self.bucket_arn = bucket.arn
        self.register_outputs({})


def _after(options: pulumi.ResourceOptions, resource: pulumi.Resource) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(options, pulumi.ResourceOptions(depends_on=[resource]))


def tls_only(bucket_arn: str) -> str:
    """Bucket policy that denies everything which is not encrypted on its way."""
    return document(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn, f"{bucket_arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def _rules(days: Mapping[str, int]) -> list[s3.BucketLifecycleConfigurationRuleArgs]:
    """What S3 deletes by itself. No backup goes because it is old."""
    rules = [
        s3.BucketLifecycleConfigurationRuleArgs(
            id=prefix,
            status="Enabled",
            filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{prefix}/"),
            expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(days=after),
        )
        for prefix, after in days.items()
    ]
    leftovers = s3.BucketLifecycleConfigurationRuleArgs(
        id="leftovers",
        status="Enabled",
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=OLD_VERSION_DAYS
        ),
        abort_incomplete_multipart_upload=s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=UPLOAD_DAYS
        ),
        # Expiry leaves a marker in place of each object; this removes those with no version behind them.
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(expired_object_delete_marker=True),
    )
    return [*rules, leftovers]
