"""Bucket and registry."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError

from aws.translate.kind import Aws, Inputs, Kind, Properties, fitted, gone, words


class Bucket(Kind):
    """The bare bucket. Its settings are resources of their own, since the provider's version 4."""

    type = "aws:s3/bucket:Bucket"
    service, tagged = "s3", True
    aside = ("forceDestroy",)
    replaces = ("bucket", "bucketPrefix", "objectLockEnabled")
    named = ("bucket", 63)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        name = str(inputs["bucket"])
        inputs.get("forceDestroy")
        where = {"CreateBucketConfiguration": {"LocationConstraint": aws.region}} if aws.region != "us-east-1" else {}
        aws.call("s3", "create_bucket", Bucket=name, **where)
        pairs = [{"Key": key, "Value": value} for key, value in (inputs.get("tagsAll") or {}).items()]
        if pairs:
            aws.call("s3", "put_bucket_tagging", Bucket=name, Tagging={"TagSet": pairs})
        return name

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.get("bucket"), new.get("forceDestroy")

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        try:
            aws.call("s3", "head_bucket", Bucket=identifier)
        except ClientError as error:
            if error.response["Error"]["Code"] == "404":
                return None
            raise
        return {}

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        return {
            "arn": f"arn:aws:s3:::{identifier}",
            "bucket": identifier,
            "bucketDomainName": f"{identifier}.s3.amazonaws.com",
            "bucketRegionalDomainName": f"{identifier}.s3.{aws.region}.amazonaws.com",
            "bucketRegion": aws.region,
        }

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if state.get("forceDestroy"):
            listed = aws.call("s3", "list_object_versions", Bucket=identifier)
            for one in listed.get("Versions", []) + listed.get("DeleteMarkers", []):
                aws.call("s3", "delete_object", Bucket=identifier, Key=one["Key"], VersionId=one["VersionId"])
        aws.call("s3", "delete_bucket", Bucket=identifier)


class _Setting(Kind):
    """One setting of a bucket: a call that puts it, one that gets it, one that takes it away."""

    service = "s3"
    replaces = ("bucket",)
    puts, gets, removes = "", "", ""
    parameter = ""
    """Of ``puts``; the resource's properties are its contents."""

    def content(self, inputs: Inputs) -> Any:
        return {key: inputs[key] for key in inputs if key != "bucket"}

    def create(self, aws: Aws, inputs: Inputs) -> str:
        name = str(inputs["bucket"])
        shape = aws.shape("s3", self.puts).members[self.parameter]
        value = {key: inner for key, inner in self.content(inputs).items() if key not in ("tags", "tagsAll", "region")}
        aws.call("s3", self.puts, Bucket=name, **{self.parameter: fitted(shape, value, self.rename, self.parameter)})
        return name

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        aws.call("s3", self.gets, Bucket=identifier)
        return {}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("s3", self.removes, Bucket=identifier)


class PublicAccessBlock(_Setting):
    type = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    puts, gets, removes = "put_public_access_block", "get_public_access_block", "delete_public_access_block"
    parameter = "PublicAccessBlockConfiguration"

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("s3", self.gets, Bucket=identifier)[self.parameter]


class Versioning(_Setting):
    type = "aws:s3/bucketVersioning:BucketVersioning"
    puts, gets = "put_bucket_versioning", "get_bucket_versioning"
    parameter = "VersioningConfiguration"

    def content(self, inputs: Inputs) -> Any:
        return inputs["versioningConfiguration"]

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        status = aws.call("s3", self.gets, Bucket=identifier).get("Status")
        wanted = state.get("versioningConfiguration") or {}
        return {"versioningConfiguration": {**wanted, "status": status}} if status else None

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
        aws.call("s3", self.puts, Bucket=identifier, **suspended)


class Encryption(_Setting):
    type = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    puts, gets, removes = "put_bucket_encryption", "get_bucket_encryption", "delete_bucket_encryption"
    parameter = "ServerSideEncryptionConfiguration"


class Ownership(_Setting):
    type = "aws:s3/bucketOwnershipControls:BucketOwnershipControls"
    puts, gets = "put_bucket_ownership_controls", "get_bucket_ownership_controls"
    removes = "delete_bucket_ownership_controls"
    parameter = "OwnershipControls"

    def content(self, inputs: Inputs) -> Any:
        return {"rules": [inputs["rule"]]}


class Lifecycle(_Setting):
    type = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    puts, gets = "put_bucket_lifecycle_configuration", "get_bucket_lifecycle_configuration"
    removes = "delete_bucket_lifecycle"
    parameter = "LifecycleConfiguration"

    def content(self, inputs: Inputs) -> Any:
        inputs.get("transitionDefaultMinimumObjectSize")
        # S3 wants a filter in every rule; none is an empty prefix.
        return {"rules": [{"filter": {"prefix": ""}} | dict(rule) for rule in inputs["rules"]]}


class BucketPolicy(Kind):
    type = "aws:s3/bucketPolicy:BucketPolicy"
    service = "s3"
    replaces = ("bucket",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        value = inputs["policy"]
        text = value if isinstance(value, str) else json.dumps(value)
        aws.call("s3", "put_bucket_policy", Bucket=inputs["bucket"], Policy=text)
        return str(inputs["bucket"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return {"policy": aws.call("s3", "get_bucket_policy", Bucket=identifier)["Policy"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("s3", "delete_bucket_policy", Bucket=identifier)


class Repository(Kind):
    type = "aws:ecr/repository:Repository"
    service, tagged = "ecr", True
    creates, identity = "create_repository", "repository.repositoryName"
    reads, item, key = "describe_repositories", "repositories[0]", "repositoryNames"
    rename = words({"name": "repositoryName", "encryptionConfigurations": "encryptionConfiguration"})
    outputs = words({
        "arn": "repositoryArn", "name": "repositoryName", "repositoryUrl": "repositoryUri", "registryId": "registryId"
    })  # fmt: skip
    aside = ("forceDelete",)
    replaces = ("name", "encryptionConfigurations")
    named = ("name", 256)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.get("forceDelete")
        encryption = inputs.get("encryptionConfigurations")
        rest = Inputs({key: value for key, value in inputs.items() if key != "encryptionConfigurations"})
        parameters = self.fit(aws, self.creates, rest)
        inputs.used |= rest.used
        parameters |= self.tags_for(aws, self.creates, inputs.get("tagsAll") or {})
        if encryption:
            shape = aws.shape("ecr", self.creates).members["encryptionConfiguration"]
            parameters["encryptionConfiguration"] = fitted(shape, encryption[0], {}, "encryptionConfigurations")
        return str(aws.call("ecr", self.creates, **parameters)["repository"]["repositoryName"])

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        mutability = new.get("imageTagMutability") or "MUTABLE"
        aws.call("ecr", "put_image_tag_mutability", repositoryName=identifier, imageTagMutability=mutability)
        scan = bool((new.get("imageScanningConfiguration") or {}).get("scanOnPush"))
        configuration = {"imageScanningConfiguration": {"scanOnPush": scan}}
        aws.call("ecr", "put_image_scanning_configuration", repositoryName=identifier, **configuration)
        new.used.update(new)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("ecr", "delete_repository", repositoryName=identifier, force=bool(state.get("forceDelete")))


class LifecyclePolicy(Kind):
    type = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    service = "ecr"
    replaces = ("repository", "policy")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        value = inputs["policy"]
        text = value if isinstance(value, str) else json.dumps(value)
        repository = str(inputs["repository"])
        aws.call("ecr", "put_lifecycle_policy", repositoryName=repository, lifecyclePolicyText=text)
        return repository

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return {"policy": aws.call("ecr", "get_lifecycle_policy", repositoryName=identifier)["lifecyclePolicyText"]}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        try:
            aws.call("ecr", "delete_lifecycle_policy", repositoryName=identifier)
        except ClientError as error:
            if not gone(error):
                raise


KINDS = (
    Bucket, PublicAccessBlock, Versioning, Encryption, Ownership, Lifecycle, BucketPolicy, Repository, LifecyclePolicy,
)  # fmt: skip
