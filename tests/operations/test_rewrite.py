"""`config --to`: the stack file for another release, with every comment, value and secret that it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from airflow_stack.cli.app import app
from airflow_stack.config import ConfigError
from airflow_stack.config.load import raw_from_yaml
from airflow_stack.config.options import broken_options
from airflow_stack.errors import OperationError
from airflow_stack.operations.rewrite import rewritten
from airflow_stack.releases import RELEASES, options

NEWER = replace(
    RELEASES["2.10.2"],
    version="3.3.2",
    options=options.of("3.3.2"),
    renamed_sections={"webserver": "api_server"},
    belongs={("api", "host"): "nginx must reach it", ("core", "executor"): "set airflow.executor"},
    roles=(),
    generated={},
)
ADDED = """\
      core:
        # as in Airflow 2.10.2: the default of 3.3.2 is glob
        dag_ignore_file_syntax: regexp
      scheduler:
        # as in Airflow 2.10.2: the default of 3.3.2 is False
        catchup_by_default: true
        # as in Airflow 2.10.2: the default of 3.3.2 is False
        create_cron_data_intervals: true
        # as in Airflow 2.10.2: the default of 3.3.2 is False
        create_delta_data_intervals: true
"""


@pytest.fixture(autouse=True)
def newer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A release with the options of 3.3.2, whatever else there is of it."""
    monkeypatch.setitem(RELEASES, "3.3.2", NEWER)


def written(tmp_path: Path, text: str, version: str = "3.3.2") -> tuple[str, list[str]]:
    """What the file becomes, and what is left to do; but for the version, which config takes once it is registered."""
    file = tmp_path / "Pulumi.local.yaml"
    file.write_text(text, encoding="utf-8")
    new, left = rewritten(tmp_path, "local", version)
    assert file.read_text(encoding="utf-8") == text
    problems = left.problems if left else []
    return new, [f"{one.key}: {one.message}" for one in problems if one.key not in ("airflow.version", "api_server")]


def test_a_whole_file(tmp_path: Path) -> None:
    """Options move with value and comments, what is gone stays to be read, and nothing else changes."""
    new, left = written(tmp_path, """\
# ours
encryptionsalt: v1:x
config:
  docker:host: x
  airflow-stack:fernet_key:
    secure: AAABAKx9
  airflow-stack:webserver:  # the UI
    memory: 900
  airflow-stack:airflow:
    # pinned
    version: 2.10.2 # until spring
    options:
      core:
        parallelism: 8
        dag_ignore_file_syntax: glob
        # SLAs
        check_slas: false # no
      scheduler:
        # as the analysts want it
        min_file_process_interval: 20  # seconds
        catchup_by_default: false
      triggerer:
        default_capacity: 500  # many
      webserver:
        web_server_host: 127.0.0.1
        instance_name: |
          A: # name
          of two lines
        worker_class: gevent
      api:
        auth_backends: airflow.api.auth.backend.session
    patches: {slots: false}
  airflow-stack:worker: {count: 1}  # one
""")  # fmt: skip
    assert (
        new
        == """\
# ours
encryptionsalt: v1:x
config:
  docker:host: x
  airflow-stack:fernet_key:
    secure: AAABAKx9
  airflow-stack:api_server:  # the UI
    memory: 900
  airflow-stack:airflow:
    # pinned
    version: 3.3.2 # until spring
    options:
      core:
        parallelism: 8
        dag_ignore_file_syntax: glob
        # SLAs
        # there is no such option in Airflow 3.3.2 any more; a DAG's deadline does what its SLA did
        # check_slas: false # no
      scheduler:
        catchup_by_default: false
        # as in Airflow 2.10.2: the default of 3.3.2 is False
        create_cron_data_intervals: true
        # as in Airflow 2.10.2: the default of 3.3.2 is False
        create_delta_data_intervals: true
      triggerer:
        capacity: 500  # many
      # webserver:
        # api.host in Airflow 3.3.2 belongs to the stack; nginx must reach it
        # web_server_host: 127.0.0.1
        # there is no such option in Airflow 3.3.2 any more; nothing replaces it
        # worker_class: gevent
      api:
        instance_name: |
          A: # name
          of two lines
      dag_processor:
        # as the analysts want it
        min_file_process_interval: 20  # seconds
      fab:
        auth_backends: airflow.providers.fab.auth_manager.api.auth.backend.session
    patches: {slots: false}
  airflow-stack:worker: {count: 1}  # one
"""
    )
    assert left == []


@pytest.mark.parametrize(
    "before",
    [
        "",
        "config: {}\n",
        "config:\n  airflow-stack:airflow:\n    version: 2.10.2\n",
        "config: {airflow-stack:airflow: {version: 2.10.2}}\n",
        "{config: {airflow-stack:airflow: {options: {}}}}\n",
    ],
)
def test_a_file_that_says_nothing_of_it_gets_version_and_defaults(tmp_path: Path, before: str) -> None:
    """Where no version is named, it is the one before there were two: schedules stay as they are."""
    new, left = written(tmp_path, before)
    assert new == f"config:\n  airflow-stack:airflow:\n    version: 3.3.2\n    options:\n{ADDED}"
    assert left == []


def test_one_that_is_there_already_is_as_it_was(tmp_path: Path) -> None:
    """No default of another version is added to it, and a section of its own may be called as one that is gone."""
    text = (
        "config:\n  airflow-stack:airflow: # a\n    version: 3.3.2\n    own_sections: [cli]\n"
        "    options: {core: {parallelism: 8}, cli: {endpoint_url: x}}\n"
    )
    assert written(tmp_path, text) == (text, [])


@pytest.mark.parametrize(
    "airflow",
    [
        "airflow-stack:airflow: {options: {scheduler: {min_file_process_interval: 20}, core: {parallelism: 8}}} # ours",
        'airflow-stack:airflow: \'{"options": {"scheduler": {"min_file_process_interval": 20},'
        ' "core": {"parallelism": 8}}}\'',
        "airflow-stack:airflow:\n    options: {scheduler: {min_file_process_interval: 20},  # ours\n"
        "      core: {parallelism: 8}}",
        "airflow-stack:airflow:\n    options:\n      scheduler: {min_file_process_interval: 20}  # ours\n"
        "      core: {parallelism: 8}\n      dag_processor: {}",
    ],
    ids=["braces", "json", "braces-over-lines", "braces-inside"],
)
def test_other_styles_become_lines_where_something_changes(tmp_path: Path, airflow: str) -> None:
    """As `init` writes them; a comment behind goes above."""
    new, left = written(tmp_path, f"config:\n  {airflow}\n")
    found, _ = raw_from_yaml(new, "")
    assert found["airflow"]["options"]["dag_processor"] == {"min_file_process_interval": 20}
    assert found["airflow"]["options"]["core"]["parallelism"] == 8
    assert ("# ours" in new) == ("# ours" in airflow)
    assert left == []


def test_names_of_before_meet_in_one(tmp_path: Path) -> None:
    """The one that has the name of today stays; where neither has, the first."""
    new, left = written(tmp_path, """\
config:
  airflow-stack:airflow:
    options:
      celery: {stalled_task_timeout: 5, task_adoption_timeout: 6}
      triggerer: {default_capacity: 7, capacity: 8}
""")  # fmt: skip
    found, _ = raw_from_yaml(new, "")
    assert found["airflow"]["options"]["scheduler"]["task_queued_timeout"] == 5
    assert found["airflow"]["options"]["triggerer"] == {"capacity": 8}
    assert "# scheduler.task_queued_timeout in Airflow 3.3.2 is here too\n" in new
    assert "# default_capacity: 7\n" in new
    assert left == []


def test_a_value_of_another_unit_is_reckoned_anew(tmp_path: Path) -> None:
    """Days become minutes."""
    new, _ = written(
        tmp_path,
        "config:\n  airflow-stack:airflow:\n    options:\n      webserver:\n        session_lifetime_days: 2 # long\n",
    )
    assert "      fab:\n        session_lifetime_minutes: 2880  # long\n" in new


def test_a_command_moves_with_its_option(tmp_path: Path) -> None:
    """And a section of a plugin is its own."""
    new, left = written(tmp_path, """\
config:
  airflow-stack:airflow:
    own_sections: [mine]
    options:
      core:
        dataset_manager_kwargs_cmd: cat /x
      mine:
        check_slas: 1
""")  # fmt: skip
    found, _ = raw_from_yaml(new, "")
    assert found["airflow"]["options"]["core"]["asset_manager_kwargs_cmd"] == "cat /x"
    assert found["airflow"]["options"]["mine"] == {"check_slas": 1}
    assert left == []


def test_a_slip_is_left_and_told(tmp_path: Path) -> None:
    """No version has it: that is for its author to say."""
    new, left = written(
        tmp_path, "config:\n  airflow-stack:airflow:\n    options:\n      core:\n        paralelism: 1\n"
    )
    assert "        paralelism: 1\n" in new
    assert len(left) <= 1  # the version's problem hides it, until config takes the version


def test_the_way_back_is_the_same(tmp_path: Path) -> None:
    """To an older release names and sections are its own again."""
    new, left = written(tmp_path, """\
config:
  airflow-stack:api_server: {memory: 900}
  airflow-stack:target: {kind: local, api_server: {}}
  airflow-stack:airflow:
    version: 3.3.2
    options:
      dag_processor: {refresh_interval: 20, bundle_refresh_check_interval: 5}
""", "2.10.2")  # fmt: skip
    found, _ = raw_from_yaml(new, "")
    assert found["webserver"] == {"memory": 900}
    assert "webserver" in found["target"]
    assert found["airflow"] == {"version": "2.10.2", "options": {"scheduler": {"dag_dir_list_interval": 20}}}
    assert "# there is no such option in Airflow 2.10.2: it came later, and 3.3.2 has it\n" in new
    assert left == ["target.webserver: is for stacks on AWS, of target.kind: aws"]


def test_what_can_not_be_changed_as_text_is_said(tmp_path: Path) -> None:
    """An alias stands for what is written elsewhere."""
    with pytest.raises(OperationError, match=r"with an alias perhaps.*\nNothing was changed"):
        written(tmp_path, """\
config:
  x:y: &here {scheduler: {min_file_process_interval: 20}}
  airflow-stack:airflow:
    options: *here
""")  # fmt: skip


def test_a_version_that_there_is_not(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no Airflow 9\.9\.9 here: there are 2\.10\.2, .*3\.3\.2"):
        written(tmp_path, "", "9.9.9")


def test_the_command_prints_it_and_tells_what_is_left(tmp_path: Path) -> None:
    """The text goes to standard output, so that it can be put into a file."""
    (tmp_path / "Pulumi.local.yaml").write_text("config:\n  airflow-stack:worker: {count: x}\n", encoding="utf-8")
    result = CliRunner().invoke(app, ["config", "-s", "local", "-C", str(tmp_path), "--to", "2.10.2"])
    assert result.stdout == (
        "config:\n  airflow-stack:worker: {count: x}\n  airflow-stack:airflow:\n    version: 2.10.2\n"
    )
    assert isinstance(result.exception, ConfigError)
    assert "worker.count" in str(result.exception)
    assert "Pulumi.local.yaml for Airflow 2.10.2" in str(result.exception)


KNOWN = sorted({*RELEASES["2.10.2"].options.known, *RELEASES["2.10.2"].options.moved})
values = st.booleans() | st.integers(0, 9) | st.text("ax #:'\"\n{[-é", max_size=6)


@settings(deadline=None, max_examples=40)
@given(
    given_options=st.dictionaries(st.sampled_from(KNOWN), values, max_size=6),
    style=st.fixed_dictionaries(
        {"default_flow_style": st.sampled_from([True, False, None]), "indent": st.sampled_from([2, 3, 4])}
    ),
)
def test_whatever_a_file_sets_it_can_be_written_for_another_release(
    given_options: dict[tuple[str, str], Any], style: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Rule: what it prints breaks no rule of the release, holds every other key, and stays as it is the second time."""
    grouped: dict[str, dict[str, Any]] = {}
    for (section, key), value in given_options.items():
        grouped.setdefault(section, {})[key] = value
    config = {
        "aws:region": "eu",
        "airflow-stack:fernet_key": {"secure": "AAABAKx9"},
        "airflow-stack:airflow": {"options": grouped, "load_examples": True},
    }
    text = yaml.safe_dump({"config": config, "encryptionsalt": "v1:x"}, sort_keys=False, **style)
    tmp_path = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RELEASES, "3.3.2", NEWER)
        new, _ = written(tmp_path, text)
        again, _ = written(tmp_path, new)
    document = yaml.safe_load(new)
    airflow = document["config"].pop("airflow-stack:airflow")
    del config["airflow-stack:airflow"]
    assert document == {"config": config, "encryptionsalt": "v1:x"}
    assert airflow["load_examples"] is True
    assert broken_options(airflow["options"], [], NEWER) == []
    assert again == new
