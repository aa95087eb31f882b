"""The repository, and the image that an update puts there and a preview does not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.rpc import UNKNOWN

from airflow_stack.backends.aws.registry import PushedImage, Registry, lifecycle_policy
from airflow_stack.backends.images import Image, images, project_image
from airflow_stack.backends.push_provider import PushProvider
from airflow_stack.config import LocalConfig
from airflow_stack.operations.target.aws import PUSH
from backends.aws.recorded import Recorded, config, planned, record, resolved
from backends.recorder import PROGRAM, machine

REPOSITORY = "aws:ecr/repository:Repository"
LIFECYCLE = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
PUSHED = "pulumi-python:dynamic/airflow-stack:PushedImage"
THROW_AWAY = {"delete_data": True, "confirm_delete_data": "airflow"}
URL = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/airflow"
DIGEST = f"sha256:{'0' * 64}"

# A function that leaves a trace of each call, instead of a push.
PUSHES = f"""\
from pathlib import Path


def push(inputs):
    with (Path(__file__).parent / "calls").open("a") as calls:
        calls.write(inputs["tag"] + "\\n")
    return "{DIGEST}"
"""


def recorded(**target: Any) -> Recorded:
    return record(lambda: Registry("airflow", planned(config(target)).repository))


def pushed(function: str = PUSH, program: Path = PROGRAM, **target: Any) -> PushedImage:
    stack = config(target)
    image, plan = project_image(stack, PROGRAM), planned(stack)
    return PushedImage("image", plan.region, plan.platform, URL, image=image, program=program, function=function)


def inputs_of(program: Path = PROGRAM, **target: Any) -> dict[str, Any]:
    """What Pulumi hands the provider, but for the provider itself."""
    inputs = dict(record(lambda: pushed(program=program, **target)).one(PUSHED).inputs)
    del inputs["__provider"]
    return inputs


def test_tags_are_immutable_and_images_scanned_and_encrypted() -> None:
    """Rule: a tag means one image for ever, and each is looked at when it comes."""
    inputs = recorded(name="etl").one(REPOSITORY).inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "AES256"}]
    assert inputs["name"] == "etl-airflow-0123abcd"


def test_old_images_go() -> None:
    """Rule: without a tag after a day; of all others the last twenty stay."""
    made = recorded()
    assert made.one(LIFECYCLE).inputs["policy"] == lifecycle_policy()
    assert made.one(LIFECYCLE).inputs["repository"] == "airflow-airflow-0123abcd"
    rules = json.loads(lifecycle_policy())["rules"]
    assert [rule["selection"] for rule in rules] == [
        {"tagStatus": "untagged", "countType": "sinceImagePushed", "countUnit": "days", "countNumber": 1},
        {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 20},
    ]
    assert [rule["rulePriority"] for rule in rules] == [1, 2]
    assert {rule["action"]["type"] for rule in rules} == {"expire"}


@pytest.mark.parametrize("throw_away", [False, True])
def test_what_a_destroy_leaves(throw_away: bool) -> None:
    """Rule: by default the repository stays with its images and its rule; with delete_data it goes, full or not."""
    made = recorded(**(THROW_AWAY if throw_away else {}))
    assert made.one(REPOSITORY).inputs["forceDelete"] is throw_away
    assert made.one(REPOSITORY).retained is not throw_away
    assert made.one(LIFECYCLE).retained is not throw_away


def test_others_learn_its_url_and_arn() -> None:
    """Rule: the attributes are the repository's own."""
    url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/airflow-repository"
    assert resolved(lambda: Registry("airflow", planned(config()).repository).repository_url) == url
    arn = "arn:aws:ecr:eu-central-1:123456789012:airflow-repository"
    assert resolved(lambda: Registry("airflow", planned(config()).repository).repository_arn) == arn


@pytest.mark.parametrize("origin", ["registry", "debian"])
def test_the_image_stands_on_the_local_stacks(origin: str, tmp_path: Path) -> None:
    """Rule: what runs on this machine runs on AWS: the same content, built of the same, below the project's folders."""
    airflow = {"extra_requirements": ["pandas"], "extra_apt_packages": ["git"]}
    stack = config({"image_origin": origin}, airflow=airflow)
    local = LocalConfig.model_validate({"airflow": airflow})
    image = project_image(stack, PROGRAM)
    assert image.base == images(local, machine(tmp_path, origin=origin))["airflow"]
    assert image.args["BASE"] == image.base.tag


def test_the_upstream_image_comes_from_the_registry_of_config() -> None:
    """Rule: a mirror is for the builds of AWS's images too."""
    base = project_image(config({"registry": "mirror.example.com"}), PROGRAM).base
    assert base is not None
    assert base.args["BASE"].startswith("mirror.example.com/apache/airflow:")


def test_a_changed_dag_is_another_image(tmp_path: Path) -> None:
    """Rule: the folders that a local stack mounts are in the image, and in its tag; logs are in neither."""
    for folder in ("config", "dags", "logs", "plugins"):
        (tmp_path / folder).mkdir()
    stack = config({"project_dir": str(tmp_path)})
    first = project_image(stack, PROGRAM)
    assert first.folders == {f"project/{name}": tmp_path / name for name in ("config", "dags", "plugins")}
    (tmp_path / "logs" / "a.log").write_text("a line")
    assert project_image(stack, PROGRAM) == first
    (tmp_path / "dags" / "a.py").write_text("a = 1")
    assert project_image(stack, PROGRAM).tag != first.tag


@pytest.mark.parametrize("origin", ["registry", "debian"])
def test_an_image_survives_the_way_to_another_process(origin: str) -> None:
    """Rule: as JSON, its base too."""
    image = project_image(config({"image_origin": origin}), PROGRAM)
    assert image.folders
    assert image.base is not None
    assert (image.base.base is not None) == (origin == "debian")
    assert Image.of(json.loads(json.dumps(image.plain()))) == image


@pytest.mark.parametrize(("architecture", "platform"), [("ARM64", "linux/arm64"), ("X86_64", "linux/amd64")])
def test_the_image_is_for_the_tasks_processor(architecture: str, platform: str) -> None:
    """Rule: the processor is in the tag: two of one content are two images of an immutable repository."""
    inputs = inputs_of(architecture=architecture)
    image = project_image(config(), PROGRAM)
    assert inputs["platform"] == platform
    assert inputs["tag"] == f"{image.tag.removeprefix('airflow-stack/project:')}-{platform.removeprefix('linux/')}"
    assert Image.of(inputs["image"]) == image
    assert (inputs["repository_url"], inputs["region"]) == (URL, "eu-central-1")
    assert inputs["function"] == "airflow_stack.operations.registry_push:push"
    assert inputs["program"] == str(PROGRAM)


def test_tasks_name_the_image_by_its_digest() -> None:
    """Rule: the reference is what the registry says of the content, and no tag."""
    assert resolved(lambda: pushed().reference) == f"{URL}@{DIGEST}"


def test_the_provider_is_no_secret() -> None:
    """Rule: a preview shows what changes, and the state has nothing to encrypt: no input is a secret."""
    resource = record(lambda: pushed()).one(PUSHED)
    assert isinstance(resource.inputs["__provider"], str)
    assert "secret" not in json.dumps(resource.inputs)
    assert not resource.secret_outputs


def test_a_preview_pushes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rule: neither Docker nor AWS is asked by registering the image."""
    (tmp_path / "pushes.py").write_text(PUSHES)
    monkeypatch.syspath_prepend(tmp_path)
    record(lambda: pushed("pushes:push"), preview=True)
    assert not (tmp_path / "calls").exists()


def test_the_provider_works_out_of_its_pickle(tmp_path: Path) -> None:
    """Rule: as Pulumi does it: serialized the same each time, loaded in a process of its own, which imports little."""
    text = serialize_provider(PushProvider())
    assert text == serialize_provider(PushProvider())
    (tmp_path / "pushes.py").write_text(PUSHES)
    props = inputs_of() | {"function": "pushes:push", "__provider": text}
    script = (
        "import base64, dill, json, sys; props = json.load(sys.stdin);"
        "provider = dill.loads(base64.b64decode(props['__provider'])); result = provider.create(props);"
        "print(json.dumps([result.id, result.outs, [name for name in sys.modules if name.startswith('pulumi_')]]))"
    )
    command = [sys.executable, "-c", script]
    output = subprocess.check_output(command, input=json.dumps(props), text=True, cwd=tmp_path)
    identifier, outputs, providers = json.loads(output)
    assert identifier == f"{URL}@{DIGEST}"
    assert outputs == inputs_of() | {"function": "pushes:push", "digest": DIGEST, "reference": f"{URL}@{DIGEST}"}
    assert providers == []
    assert (tmp_path / "calls").read_text().splitlines() == [props["tag"]]


def test_only_another_content_or_place_is_another_image(tmp_path: Path) -> None:
    """Rule: a second update from another directory, or by another function, pushes nothing."""
    provider, old = PushProvider(), inputs_of()
    same = inputs_of(program=tmp_path) | {"function": "another:push", "digest": DIGEST, "__provider": "another"}
    result = provider.diff("id", old, same)
    assert (result.changes, result.replaces) == (False, [])
    for key, value in (("repository_url", UNKNOWN), ("tag", "another"), ("platform", "linux/amd64")):
        result = provider.diff("id", old, old | {key: value})
        assert (result.changes, result.replaces) == (True, [key])


def test_a_destroy_deletes_no_image() -> None:
    """Rule: a rollback may need it; the repository's own rule removes it."""
    assert PushProvider.delete is not None
    assert "delete" not in vars(PushProvider)


@pytest.mark.engine
@pytest.mark.skipif(shutil.which("pulumi") is None, reason="the Pulumi command line is not on PATH")
def test_the_engine_pushes_once_and_never_in_a_preview(tmp_path: Path) -> None:
    """Rule: nothing is called by a preview; an update calls once, a second one with the same content not at all."""
    (tmp_path / "state").mkdir()
    (tmp_path / "pushes.py").write_text(PUSHES)
    project = {"name": "pushes", "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}}}
    (tmp_path / "Pulumi.yaml").write_text(json.dumps(project))
    target = json.dumps(config().model_dump(mode="json")["target"])
    (tmp_path / "__main__.py").write_text(
        "import json\nfrom pathlib import Path\nimport pulumi\n"
        "from airflow_stack.backends.aws.registry import PushedImage\n"
        "from airflow_stack.backends.images import project_image\n"
        "from airflow_stack.config import AwsConfig, LocalConfig\n"
        f"config = AwsConfig.model_validate({{'target': json.loads({target!r})}})\n"
        f"program = Path({str(PROGRAM)!r})\n"
        f"image = PushedImage('image', 'eu-central-1', 'linux/arm64', {URL!r}, image=project_image(config, program),"
        " program=program, function='pushes:push')\n"
        "pulumi.export('reference', image.reference)\n"
    )
    environment = os.environ | {
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'state'}", "PULUMI_CONFIG_PASSPHRASE": "passphrase",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }  # fmt: skip

    def pulumi(*arguments: str) -> str:
        command = ["pulumi", *arguments, "--stack", "test", "--non-interactive"]
        return subprocess.check_output(command, cwd=tmp_path, env=environment, text=True)

    pulumi("stack", "init")
    pulumi("preview")
    assert not (tmp_path / "calls").exists()
    pulumi("up", "--yes", "--skip-preview")
    assert json.loads(pulumi("stack", "output", "--json")) == {"reference": f"{URL}@{DIGEST}"}
    pulumi("preview", "--expect-no-changes")
    pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert len((tmp_path / "calls").read_text().splitlines()) == 1
