"""Encrypted where it lies, and where it moves if the service leaves that to us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

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
    return CHECKS[type_](props) if type_ in CHECKS else ()


def _database(props: Props) -> Iterable[str]:
    if not is_on(props.get("storageEncrypted")):
        yield "the database's storage is not encrypted: set storageEncrypted"


def _queue(props: Props) -> Iterable[str]:
    if not (is_on(props.get("sqsManagedSseEnabled")) or props.get("kmsMasterKeyId")):
        yield "the queue is not encrypted: set sqsManagedSseEnabled, or kmsMasterKeyId"


def _replication_group(props: Props) -> Iterable[str]:
    if not is_on(props.get("atRestEncryptionEnabled")):
        yield "the cache is not encrypted at rest: set atRestEncryptionEnabled"
    if not is_on(props.get("transitEncryptionEnabled")):
        yield "the cache talks in clear: set transitEncryptionEnabled"


def _cache_cluster(props: Props) -> Iterable[str]:
    if not props.get("replicationGroupId"):
        yield "a cache of its own has no encryption at rest: make it a replication group"


def _repository(props: Props) -> Iterable[str]:
    kinds = [one.get("encryptionType") for one in as_list(props.get("encryptionConfigurations"))]
    if props.get("encryptionConfigurations") is not UNKNOWN and not kinds:
        yield "the repository does not say how it is encrypted: set encryptionConfigurations"
    if not all(kind in ("AES256", "KMS", UNKNOWN) for kind in kinds):
        yield "the repository's encryptionType must be AES256 or KMS"


def _delivery_stream(props: Props) -> Iterable[str]:
    if not _enabled(props.get("serverSideEncryption")):
        yield "the delivery stream is not encrypted: set serverSideEncryption.enabled"


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


CHECKS: dict[str, Callable[[Props], Iterable[str]]] = {
    "aws:rds/instance:Instance": _database,
    "aws:rds/cluster:Cluster": _database,
    **dict.fromkeys(BUCKET_ENCRYPTION, _bucket),
    PUBLIC_ACCESS_BLOCK: _open_switches,
    "aws:sqs/queue:Queue": _queue,
    "aws:elasticache/replicationGroup:ReplicationGroup": _replication_group,
    "aws:elasticache/cluster:Cluster": _cache_cluster,
    "aws:sns/topic:Topic": _topic,
    "aws:ecr/repository:Repository": _repository,
    "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream": _delivery_stream,
    "aws:athena/workgroup:Workgroup": _workgroup,
}


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
