"""The bucket: nobody else reads it, nothing in it is for ever, and what a destroy leaves of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_stack.backends.aws.plan.rights import BACKUPS
from airflow_stack.backends.aws.storage import Storage, tls_only
from backends.aws.recorded import Recorded, config, planned, record, resolved

BUCKET = "aws:s3/bucket:Bucket"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
POLICY = "aws:s3/bucketPolicy:BucketPolicy"
PUBLIC = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
VERSIONING = "aws:s3/bucketVersioning:BucketVersioning"
THROW_AWAY = {"delete_data": True, "confirm_delete_data": "airflow"}


def recorded(**target: Any) -> Recorded:
    return record(lambda: Storage("airflow", planned(config(target)).bucket))


def test_the_bucket_is_named_by_the_provider() -> None:
    """Rule: its name starts with the target's, and a bucket that was kept does not take it from the next stack."""
    inputs = recorded(name="etl").one(BUCKET).inputs
    assert inputs["bucketPrefix"] == "etl-"
    assert "bucket" not in inputs


def test_nothing_of_it_can_be_public() -> None:
    """Rule: all four switches, and no object with an access list of its own."""
    made = recorded()
    inputs = made.one(PUBLIC).inputs
    for switch in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"):
        assert inputs[switch] is True
    ownership = made.one("aws:s3/bucketOwnershipControls:BucketOwnershipControls").inputs
    assert ownership["rule"] == {"objectOwnership": "BucketOwnerEnforced"}
    assert "acl" not in made.one(BUCKET).inputs
    assert not made.of("aws:s3/bucketAcl:BucketAcl")


def test_objects_are_encrypted_and_versioned() -> None:
    """Rule: at rest by S3's own key; what is overwritten can be brought back."""
    made = recorded()
    encryption = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    assert made.one(encryption).inputs["rules"] == [
        {"applyServerSideEncryptionByDefault": {"sseAlgorithm": "AES256"}, "bucketKeyEnabled": True}
    ]
    assert made.one(VERSIONING).inputs["versioningConfiguration"] == {"status": "Enabled"}


def test_every_part_is_of_this_bucket() -> None:
    """Rule: a setting of another bucket would leave this one without it."""
    made = recorded()
    parts = [resource for resource in made.resources if resource.type.startswith("aws:s3/") and resource.type != BUCKET]
    assert len(parts) == 6
    assert {resource.inputs["bucket"] for resource in parts} == {"airflow-bucket"}


def test_only_tls_is_let_in() -> None:
    """Rule: everything else is denied, for the bucket and for what is in it; and the policy allows nothing."""
    text = recorded().one(POLICY).inputs["policy"]
    assert text == tls_only("arn:aws:s3:eu-central-1:123456789012:airflow-bucket")
    (statement,) = json.loads(text)["Statement"]
    arn = "arn:aws:s3:eu-central-1:123456789012:airflow-bucket"
    assert (statement["Effect"], statement["Principal"], statement["Action"]) == ("Deny", "*", "s3:*")
    assert statement["Resource"] == [arn, f"{arn}/*"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_backups_do_not_expire() -> None:
    """Rule: no rule counts the days of what is below their prefix."""
    rules = recorded().one(LIFECYCLE).inputs["rules"]
    reached = [rule for rule in rules if f"{BACKUPS}/one.tar.gz".startswith(rule["filter"]["prefix"])]
    assert [rule["id"] for rule in reached] == ["leftovers"]
    assert not any("days" in rule.get("expiration", {}) for rule in reached)


def test_logs_expire_after_the_days_of_config() -> None:
    """Rule: each kind after its own; the services' too where they go elsewhere now, for what is still there."""
    made = recorded(logs={"task_log_days": 11, "retention_days": 60})
    rules = {rule["id"]: rule for rule in made.one(LIFECYCLE).inputs["rules"]}
    assert set(rules) == {"task-logs", "service-logs", "leftovers"}
    assert rules["task-logs"]["filter"] == {"prefix": "task-logs/"}
    assert rules["task-logs"]["expiration"] == {"days": 11}
    assert rules["service-logs"]["filter"] == {"prefix": "service-logs/"}
    assert rules["service-logs"]["expiration"] == {"days": 60}
    assert {rule["status"] for rule in rules.values()} == {"Enabled"}


def test_nothing_invisible_is_kept_for_ever() -> None:
    """Rule: old versions, markers without versions and uploads that never ended go, in the whole bucket."""
    (rule,) = [rule for rule in recorded().one(LIFECYCLE).inputs["rules"] if rule["id"] == "leftovers"]
    assert rule["filter"] == {"prefix": ""}
    assert rule["noncurrentVersionExpiration"] == {"noncurrentDays": 30}
    assert rule["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 7}
    assert rule["expiration"] == {"expiredObjectDeleteMarker": True}


def test_settings_come_one_after_the_other() -> None:
    """Rule: S3 refuses a policy while its public access is changed, and old versions' expiry where there are none."""
    made = recorded()
    assert "airflow-public-access" in made.one(POLICY).depends_on
    assert "airflow-versioning" in made.one(LIFECYCLE).depends_on


@pytest.mark.parametrize("throw_away", [False, True])
def test_what_a_destroy_leaves(throw_away: bool) -> None:
    """Rule: by default bucket and logs stay, as private as they were; with delete_data the bucket goes, full or not."""
    made = recorded(**(THROW_AWAY if throw_away else {}))
    assert made.one(BUCKET).inputs["forceDestroy"] is throw_away
    parts = [resource for resource in made.resources if resource.type.startswith("aws:")]
    assert len(parts) == 7
    assert {resource.retained for resource in parts} == {not throw_away}


def test_others_learn_its_name_and_arn() -> None:
    """Rule: the attributes are the bucket's own."""
    assert resolved(lambda: Storage("airflow", planned(config()).bucket).bucket) == "airflow-bucket"
    arn = "arn:aws:s3:eu-central-1:123456789012:airflow-bucket"
    assert resolved(lambda: Storage("airflow", planned(config()).bucket).bucket_arn) == arn
