"""Encrypted where it lies, and where it moves if the service leaves that to us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from airflow_stack_policies.rule import UNKNOWN, Props, Rule, Seen, StackRule, as_list, is_on

BUCKETS = ("aws:s3/bucket:Bucket", "aws:s3/bucketV2:BucketV2")
BUCKET_ENCRYPTION = (
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketServerSideEncryptionConfigurationV2:BucketServerSideEncryptionConfigurationV2",
)
PUBLIC_ACCESS_BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
AWS_KEY_OF_SNS = "alias/aws/sns"


def encrypted(type_: str, props: Props) -> Iterable[str]:
    """Each service has its own switch, and only some of them are on by default."""
    if type_ in ("aws:rds/instance:Instance", "aws:rds/cluster:Cluster"):
        if not is_on(props.get("storageEncrypted")):
            yield "the database's storage is not encrypted: set storageEncrypted"
    elif type_ in BUCKET_ENCRYPTION:
        yield from _bucket(props)
    elif type_ == PUBLIC_ACCESS_BLOCK:
        yield from _open_switches(props)
    elif type_ == "aws:sqs/queue:Queue":
        if not (is_on(props.get("sqsManagedSseEnabled")) or props.get("kmsMasterKeyId")):
            yield "the queue is not encrypted: set sqsManagedSseEnabled, or kmsMasterKeyId"
    elif type_ == "aws:elasticache/replicationGroup:ReplicationGroup":
        if not is_on(props.get("atRestEncryptionEnabled")):
            yield "the cache is not encrypted at rest: set atRestEncryptionEnabled"
        if not is_on(props.get("transitEncryptionEnabled")):
            yield "the cache talks in clear: set transitEncryptionEnabled"
    elif type_ == "aws:elasticache/cluster:Cluster":
        if not props.get("replicationGroupId"):
            yield "a cache of its own has no encryption at rest: make it a replication group"
    elif type_ == "aws:sns/topic:Topic":
        yield from _topic(props)
    elif type_ == "aws:ecr/repository:Repository":
        kinds = [one.get("encryptionType") for one in as_list(props.get("encryptionConfigurations"))]
        if props.get("encryptionConfigurations") is not UNKNOWN and not kinds:
            yield "the repository does not say how it is encrypted: set encryptionConfigurations"
        if not all(kind in ("AES256", "KMS", UNKNOWN) for kind in kinds):
            yield "the repository's encryptionType must be AES256 or KMS"
    elif type_ == "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream":
        if not _enabled(props.get("serverSideEncryption")):
            yield "the delivery stream is not encrypted: set serverSideEncryption.enabled"
    elif type_ == "aws:athena/workgroup:Workgroup":
        yield from _workgroup(props)


def _enabled(section: object) -> bool:
    return section is UNKNOWN or (hasattr(section, "get") and is_on(section.get("enabled")))


def _bucket(props: Props) -> Iterable[str]:
    if props.get("rules") is UNKNOWN:
        return
    for rule in as_list(props.get("rules")) or [{}]:
        default = rule.get("applyServerSideEncryptionByDefault") or {}
        if default is UNKNOWN:
            continue
        if default.get("sseAlgorithm") not in ("AES256", "aws:kms", "aws:kms:dsse", UNKNOWN):
            yield "the bucket has no default encryption: set applyServerSideEncryptionByDefault.sseAlgorithm"


def _topic(props: Props) -> Iterable[str]:
    key = props.get("kmsMasterKeyId")
    if not key:
        yield "the topic is not encrypted: set kmsMasterKeyId"
    elif key == AWS_KEY_OF_SNS:
        yield f"{AWS_KEY_OF_SNS} admits no alarm, so nothing would arrive: the topic needs a key of its own"


def _workgroup(props: Props) -> Iterable[str]:
    settings = props.get("configuration") or {}
    if settings is UNKNOWN:
        return
    if not is_on(settings.get("enforceWorkgroupConfiguration")):
        yield "a client may store results in clear: set configuration.enforceWorkgroupConfiguration"
    result = settings.get("resultConfiguration") or {}
    if result is not UNKNOWN and not result.get("encryptionConfiguration"):
        yield "results of queries are not encrypted: set resultConfiguration.encryptionConfiguration"


def _open_switches(props: Props) -> Iterable[str]:
    for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        if not is_on(props.get(key)):
            yield f"the public access block does not set {key}"


def buckets_are_closed(resources: Sequence[Seen]) -> Iterable[tuple[Seen, str]]:
    """Encryption and public access of a bucket are resources beside it: each bucket needs both of its own."""
    for kinds, what in ((BUCKET_ENCRYPTION, "default encryption"), ((PUBLIC_ACCESS_BLOCK,), "public access block")):
        beside = [one for one in resources if one.type in kinds]
        for bucket in resources:
            if bucket.type in BUCKETS and not any(_is_about(one, bucket) for one in beside):
                yield bucket, f"the bucket has no {what} beside it"


def _is_about(resource: Seen, bucket: Seen) -> bool:
    """By what it is made of, else by name, else it may be."""
    made_of = resource.depends.get("bucket")
    if made_of:
        return bucket.urn in made_of
    names = (resource.props.get("bucket"), bucket.props.get("bucket"))
    return names[0] == names[1] or None in names or UNKNOWN in names


RULES = (
    Rule("encrypted", "Databases, buckets, queues, caches, topics, images and query results are encrypted.", encrypted),
)
STACK_RULES = (StackRule("buckets-closed", "Every bucket is encrypted and blocks public access.", buckets_are_closed),)
