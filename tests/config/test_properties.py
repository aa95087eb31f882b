"""Whatever stands in a stack file: the model or one clear error, and never a secret in it."""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import models
import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from airflow_stack.airflow import describe
from airflow_stack.backends.compose import compose, render
from airflow_stack.backends.containers import plan
from airflow_stack.backends.machine import Machine
from airflow_stack.config import SECRET_KEYS, AnyConfig, ConfigError, LocalConfig, parse, read_stack_file
from airflow_stack.config.load import raw_from_pulumi, raw_from_yaml
from airflow_stack.operations.inspect import MASKED, resolved_config

PROGRAM = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = GOLDEN / "local.ok.everything.yaml"

# No text of ours holds this, so that any error which does has echoed a value.
SECRET = "Xq7zW3vKp9"

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.sampled_from(
        [SECRET, f"postgresql://u:{SECRET}@h/d", f"{SECRET}\n", f" {SECRET}", '{"a": 1}', f'["{SECRET}"]']
    )
    | st.dates()
)
keys = st.sampled_from(
    [*LocalConfig.model_fields, *SECRET_KEYS, "kind", "memory", "port", "options", "core", "secure", "count", "logs"]
) | st.text(st.characters() | st.sampled_from("\x1b\n\ud800"), max_size=10)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def everything(stack: str = "local") -> tuple[dict[str, Any], set[str]]:
    file = GOLDEN / f"{stack}.ok.everything.yaml"
    return raw_from_yaml(file.read_text(encoding="utf-8"), file.name)


def never_a_traceback_never_a_secret(raw: dict[str, Any], secret_keys: set[str]) -> None:
    text = ""
    try:
        parse(raw, secret_keys, "local", "Pulumi.local.yaml")
    except ConfigError as error:
        text = str(error)
    assert SECRET not in text
    assert all(char.isprintable() or char == "\n" for char in text), "a terminal can't show it"


@given(raw=st.dictionaries(keys, values, max_size=5), secret_keys=st.sets(keys, max_size=5))
def test_any_raw_config_is_accepted_or_refused_without_echo(raw: dict[str, Any], secret_keys: set[str]) -> None:
    """parse() of arbitrary nested data returns or raises ConfigError, and no value of the data is in its text."""
    never_a_traceback_never_a_secret(raw, secret_keys)


def containers(value: Any) -> list[Any]:
    """All mappings and lists in a value, itself included."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [
        *([value] if isinstance(value, dict | list) else []),
        *(found for item in inner for found in containers(item)),
    ]


@pytest.mark.parametrize("stack", ["local", "prod"])
@given(data=st.data())
def test_a_good_config_with_one_thing_changed_is_never_echoed(stack: str, data: st.DataObject) -> None:
    """One value replaced, removed or added anywhere in a config that sets every key of its target."""
    raw, secret_keys = everything(stack)
    place = data.draw(st.sampled_from(containers(raw)))
    value = data.draw(values | st.just(SECRET))
    if isinstance(place, list):
        place.append(value)
    elif data.draw(st.booleans()) and place:
        place[data.draw(st.sampled_from(sorted(place, key=str)))] = value
    else:
        place[data.draw(keys)] = value
    never_a_traceback_never_a_secret(raw, secret_keys)


# Values near to what AWS takes, and far from it.
of_aws = (
    st.sampled_from(
        [256, 1024, 2048, 30, "a", "own", "existing", "aws", "rds", "sqs", "nat", "0 7 ? * MON-FRI *", "0 7 * * * *",
         "10.0.0.0/21", "10.0.0.0/8", "0.0.0.0/0", "eu-central-1", "Europe/Berlin", "airflow.example.com", "^aws_", "(",
         f"Z{SECRET.upper()}", f"https://{SECRET}/", f"subnet-{SECRET}", f"{SECRET}/24", f"0 {SECRET} ? * * *",
         f"Europe/{SECRET}", f"db.t4g.{SECRET}", f"({SECRET}"]
    )
    | st.booleans()
    | st.integers(-1, 70_000)
    | st.text(st.sampled_from("0123456789*?,-/#LW MONFRI"), max_size=20)
)  # fmt: skip


@settings(max_examples=400)
@given(data=st.data())
def test_any_value_of_the_aws_target_is_accepted_or_refused_without_echo(data: st.DataObject) -> None:
    """Up to three values of the target replaced, at any depth, by some that other keys of it would take."""
    raw, secret_keys = everything("prod")
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.sampled_from([found for found in containers(raw) if found]))
        where = range(len(place)) if isinstance(place, list) else sorted(place, key=str)
        place[data.draw(st.sampled_from(list(where)))] = data.draw(of_aws | st.lists(of_aws, max_size=3))
    never_a_traceback_never_a_secret(raw, secret_keys)


@given(key=st.sampled_from(SECRET_KEYS), before=st.text(max_size=5), after=st.text(max_size=5))
def test_a_secret_that_is_wrong_is_never_shown(key: str, before: str, after: str) -> None:
    """A decrypted secret may be of any form: its error names the key and the rule alone."""
    never_a_traceback_never_a_secret({key: f"{before}{SECRET}{after}"}, {key})
    never_a_traceback_never_a_secret({key: f"{before}{SECRET}{after}"}, set())


@given(text=st.text(max_size=200) | values.map(lambda value: yaml.dump({"config": {"airflow-stack:worker": value}})))
def test_any_text_as_a_stack_file_is_read_or_refused(text: str) -> None:
    """Arbitrary text is a stack file's raw config, or a ConfigError that echoes none of it."""
    with contextlib.suppress(ConfigError):
        never_a_traceback_never_a_secret(*raw_from_yaml(text, "Pulumi.local.yaml"))


@given(content=st.binary(max_size=200))
def test_any_bytes_in_a_stack_file_are_read_or_refused(content: bytes) -> None:
    """So are arbitrary bytes on disk."""
    with tempfile.TemporaryDirectory() as directory, contextlib.suppress(ConfigError):
        (Path(directory) / "Pulumi.local.yaml").write_bytes(content)
        read_stack_file(Path(directory), "local")


@given(config=st.dictionaries(keys.map(lambda key: f"airflow-stack:{key}"), st.text(max_size=50), max_size=4))
def test_any_strings_from_pulumi_are_read_or_refused(config: dict[str, str]) -> None:
    """Pulumi hands every value over as a string, of which some are JSON."""
    never_a_traceback_never_a_secret(*raw_from_pulumi(config, set()))


memory = st.integers(32, 4096)
port = st.integers(1, 65535)
line = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=20)
sql_name = st.from_regex(r"[a-z_][a-z0-9_]{0,30}", fullmatch=True)
option_value = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | line


fargate = st.sampled_from([(256, 512), (512, 1024), (1024, 2048), (2048, 8192), (16_384, 122_880)])
size = fargate.map(lambda pair: {"cpu": pair[0], "memory": pair[1]})
HOURS = {"start": "0 7 ? * MON-FRI *", "stop": "30 20 ? * 2-6 *", "time_zone": "Europe/Berlin"}
schedule = st.just(HOURS)


def workers_of(services: dict[str, Any]) -> dict[str, Any]:
    """A scheduler with hours takes its workers along."""
    return {"worker": {"schedule": HOURS}} if services.get("scheduler", {}).get("schedule") else {}


def section(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


valid = section(
    target=section(
        project_dir=st.just("/srv/$airflow"),
        uid=st.integers(0, 2**31),
        gid=st.integers(0, 2**31),
        prefix=st.from_regex(r"([a-z0-9][a-z0-9-]{0,29})?", fullmatch=True),
        bind_address=st.ip_addresses().map(str),
        throw_away=st.booleans(),
        logs=section(max_size=st.integers(1, 10_000), max_files=st.integers(1, 100)),
    ),
    airflow=section(
        load_examples=st.booleans(),
        expose_config=st.sampled_from([True, False, "non-sensitive-only"]),
        executor=st.sampled_from(["CeleryExecutor", "LocalExecutor"]),
        extra_requirements=st.lists(st.sampled_from(["pandas==2.1.4", "requests[socks]>=2,<3", "x"]), max_size=3),
        extra_apt_packages=st.lists(st.sampled_from(["git", "g++", "libgomp1=12.2.0-14"]), max_size=3),
        options=st.dictionaries(
            st.sampled_from(["email", "dag_processor", "metrics"]),
            st.dictionaries(st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True), option_value, max_size=3),
            max_size=3,
        ),
    ),
    admin=section(create=st.booleans(), firstname=line, lastname=line),
    webserver=section(workers=st.integers(1, 32), memory=memory, port=port),
    worker=section(count=st.integers(1, 5), concurrency=st.integers(1, 256), memory=memory),
    flower=section(enabled=st.booleans(), port=st.none() | port),
    database=section(kind=st.just("container"), user=sql_name, name=sql_name, port=st.none() | port),
    broker=section(visibility_timeout=st.integers(3600, 604_800)),
    proxy=section(port=port, proxy_fix=st.booleans()),
    hardened=st.booleans(),
    admin_password=st.just({"secure": "AAAB"}),
)


valid_aws = section(
    airflow=section(load_examples=st.booleans(), expose_config=st.sampled_from([True, False, "non-sensitive-only"])),
    webserver=section(workers=st.integers(1, 32)),
    worker=section(concurrency=st.integers(1, 16)),
    database=section(
        instance_class=st.sampled_from(["db.r7g.large", "db.m7g.8xlarge"]),
        multi_az=st.booleans(),
        version=st.sampled_from(["14", "17"]),
    ),
    broker=st.just({"kind": "elasticache"}) | section(max_receives=st.integers(2, 9)),
    admin_password=st.just({"secure": "AAAB"}),
).flatmap(
    lambda raw: st.builds(
        lambda target, services: raw | {"target": target | services | workers_of(services)},
        st.fixed_dictionaries(
            {
                "kind": st.just("aws"),
                "region": st.sampled_from(["us-east-1", "ap-southeast-2"]),
                "load_balancer": st.just({"allowed_cidrs": ["0.0.0.0/0"], "plain_http": True}),
            },
            optional={
                "name": st.from_regex(r"[a-z][a-z0-9]{1,19}", fullmatch=True),
                "network": section(zones=st.sampled_from([["a", "b"], ["c", "a", "d"]]), cidr=st.just("10.4.0.0/16")),
                "egress": st.sampled_from(["public_ip", "nat", "nat_per_zone"]),
                "exec": st.booleans(),
                "tags": st.dictionaries(st.from_regex(r"[a-z]{3,9}", fullmatch=True), sql_name, max_size=3),
            },
        ),
        st.dictionaries(
            st.sampled_from(["webserver", "scheduler", "triggerer"]),
            st.builds(lambda one, at: one | {"schedule": at}, size, st.none() | schedule),
        ),
    )
)


def accepted(raw: dict[str, Any], directory: Path) -> AnyConfig:
    (directory / "Pulumi.local.yaml").write_text(
        yaml.safe_dump({"config": {f"airflow-stack:{key}": value for key, value in raw.items()}}), encoding="utf-8"
    )
    try:
        return read_stack_file(directory, "local")[0]
    except ConfigError:
        assume(False)
        raise


@settings(max_examples=60)
@given(raw=valid | valid_aws)
def test_the_resolved_config_is_a_stack_file_of_the_same_config(raw: dict[str, Any]) -> None:
    """`airflow-stack config` prints what can be written back: the same model, and the same print."""
    with tempfile.TemporaryDirectory() as name:
        config = accepted(raw, Path(name))
        printed = resolved_config(Path(name), "local")
        (Path(name) / "Pulumi.local.yaml").write_text(printed.replace(f"'{MASKED}'", "{secure: AAAB}"))
        assert read_stack_file(Path(name), "local")[0] == config
        assert resolved_config(Path(name), "local") == printed


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        items = [(key, shuffled(inner)) for key, inner in value.items()]
        random.shuffle(items)
        return dict(items)
    return value


@settings(max_examples=30)
@given(raw=valid)
def test_the_order_of_keys_changes_nothing(raw: dict[str, Any]) -> None:
    """The same config in another order gives the same Compose file, byte for byte."""
    with tempfile.TemporaryDirectory() as name:
        both = [models.local(accepted(variant, Path(name))) for variant in (raw, shuffled(raw))]
    machine = Machine(PROGRAM, PROGRAM, PROGRAM / "secrets", 1000, 999, "debian")
    texts = {render(compose(plan(config, describe(config), machine), machine, "local")) for config in both}
    assert len(texts) == 1


def test_two_processes_render_the_same_bytes(tmp_path: Path) -> None:
    """No hash seed, and nothing else that differs between processes, shows in the Compose file."""
    (tmp_path / "Pulumi.local.yaml").write_bytes(EVERYTHING.read_bytes())
    command = [sys.executable, "-c", "from airflow_stack.cli import main; main()", "compose", "-s", "local"]
    outputs = {
        subprocess.run(
            [*command, "-C", str(tmp_path)], env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    assert b"services:" in outputs.pop()
