"""The ECR repository of the stack's image, and the image in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_random as random
from pulumi_aws import ecr

from airflow_stack.backends.aws.plan.stores import Repository
from airflow_stack.backends.images import Image
from airflow_stack.backends.push_provider import PushProvider

KEPT_IMAGES = 20
UNTAGGED_DAYS = 1


class Registry(pulumi.ComponentResource):
    """One repository, whose tags never change what they mean."""

    repository_url: pulumi.Output[str]
    repository_arn: pulumi.Output[str]

    def __init__(self, name: str, planned: Repository, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("airflow-stack:aws:Registry", name, None, opts)
        # A repository with images in it can't be deleted: without delete_data it stays, with the images that the kept
        # database's version of Airflow needs.
        options = pulumi.ResourceOptions(parent=self, retain_on_delete=planned.keep)
        # ECR knows no name prefixes, and the next stack of this name must not stumble over a repository that was kept.
        suffix = random.RandomId(f"{name}-repository-suffix", byte_length=3, opts=pulumi.ResourceOptions(parent=self))
        repository = ecr.Repository(
            f"{name}-repository",
            name=suffix.hex.apply(planned.name),
            image_tag_mutability="IMMUTABLE",
            image_scanning_configuration=ecr.RepositoryImageScanningConfigurationArgs(scan_on_push=True),
            encryption_configurations=[ecr.RepositoryEncryptionConfigurationArgs(encryption_type="AES256")],
            force_delete=not planned.keep,
            opts=options,
        )
        ecr.LifecyclePolicy(f"{name}-lifecycle", repository=repository.name, policy=lifecycle_policy(), opts=options)
        self.repository_url = repository.repository_url
        self.repository_arn = repository.arn
        self.register_outputs({})


def lifecycle_policy() -> str:
    """Which images ECR deletes by itself. The last ones stay, so that a deployment can be rolled back."""
    untagged = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": UNTAGGED_DAYS,
    }
    old = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT_IMAGES}
    rules = [
        {"rulePriority": 1, "description": "Untagged images", "selection": untagged, "action": {"type": "expire"}},
        {"rulePriority": 2, "description": "All but the last", "selection": old, "action": {"type": "expire"}},
    ]
    return json.dumps({"rules": rules}, sort_keys=True)


def pushed_tag(image: Image, platform: str) -> str:
    """The image's tag in the repository: its content and its processor."""
    return f"{image.tag.rpartition(':')[2]}-{platform.rpartition('/')[2]}"


class PushedImage(pulumi.dynamic.Resource, module="airflow-stack", name="PushedImage"):
    """The image in the repository, for the tasks' processor; built and pushed where it is not there yet."""

    digest: pulumi.Output[str]
    reference: pulumi.Output[str]
    """``<repository>@sha256:…``: what a task definition names."""

    def __init__(
        self,
        name: str,
        region: str,
        platform: str,
        repository_url: pulumi.Input[str],
        *,
        image: Image,
        program: Path,
        function: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """``platform`` is Docker's name of the tasks' processor."""
        inputs: dict[str, Any] = {
            "function": function,
            "repository_url": repository_url,
            "region": region,
            "tag": pushed_tag(image, platform),
            "platform": platform,
            "program": str(program),
            "image": image.plain(),
            "digest": None,
            "reference": None,
        }
        super().__init__(PushProvider(), name, inputs, opts)
