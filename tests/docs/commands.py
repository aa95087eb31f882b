"""Who runs each command of the pages: every one of them stands here once, as its reader copies it.

A command that two pages name in the same words stands here once, too.
"""

from __future__ import annotations

from dataclasses import dataclass

HERE: dict[str, str] = {
    "airflow-stack --install-completion": "",
    "airflow-stack compose -s bench > bench.yaml": "a stack bench",
    "airflow-stack compose -s local > compose.yaml": "",
    "airflow-stack config -s local": "",
    "airflow-stack config -s local --to 2.10.2 > new.yaml": "",
    "airflow-stack config -s prod": "",
    "airflow-stack cost -s prod": "",
    "airflow-stack database-sql -s local": "an external database",
    "airflow-stack diff local prod": "",
    "airflow-stack diff local prod --exit-code": "",
    "airflow-stack diff local prod --json": "",
    "airflow-stack graph -s local": "",
    "airflow-stack graph -s prod -o topology.svg": "",
    "airflow-stack init -s local --yes --secret admin_password=- < password.txt": "a password in a file",
    "pulumi config set --stack local --secret airflow-stack:NAME": "a stack of Pulumi",
    "pulumi config set --stack prod --path airflow-stack:target.confirm_delete_data airflow": "a stack of Pulumi",
    "pulumi config set --stack prod --path airflow-stack:target.delete_data true": "a stack of Pulumi",
    "pulumi config set --stack prod --secret airflow-stack:admin_password": "a stack of Pulumi",
}
"""Run by test_commands.py in a copy of the project without Docker; with what has to be there before."""

ON_STACK = (
    "airflow-stack status -s local",
    "airflow-stack status -s local --json | jq -r '.roles[] | select(.good | not) | .role'",
    "airflow-stack logs -s local",
    "airflow-stack logs -s local worker scheduler --since 10m",
    "airflow-stack logs -s local worker --follow --tail 5",
    "airflow-stack dags check -s local",
    "airflow-stack dags check -s local --running",
    "airflow-stack dags check -s local --connections connections.json --variables variables.yaml",
    "airflow-stack dags test hello -s local",
    "airflow-stack dags test orders -s local --date 2026-01-31 --conf '{\"full\": true}'"
    " --connections connections.json",
    "airflow-stack airflow -s local dags list",
    "airflow-stack airflow -s local dags unpause hello",
    "airflow-stack airflow -s local dags trigger hello",
    "airflow-stack run -s local --memory 4096 -- python3 dags/big.py",
    "airflow-stack shell -s local worker",
    "airflow-stack shell -s local postgres psql -U postgres airflow",
    "airflow-stack connections import connections.yaml -s local",
    "airflow-stack connections export -s local --show-secrets --output connections.json",
    "airflow-stack doctor",
    "airflow-stack doctor -s local",
    "airflow-stack backup -s local",
    "airflow-stack scale -s local worker=4",
)
"""Run by tests/e2e/test_docs_commands.py in this order, on the stack that all tests share, by its name."""

ON_PULUMI_STACK = (
    "export PATH=$PWD/.venv/bin:$PATH",
    "make up",
    "export PULUMI_BACKEND_URL=file://$PWD/.airflow-stack/pulumi-state",
    "export PULUMI_CONFIG_PASSPHRASE_FILE=$PWD/.airflow-stack/passphrase",
    "pulumi preview --stack local --config-file .airflow-stack/local/Pulumi.local.yaml",
)
"""Run there too, in one shell, after Pulumi has brought that stack up."""

RECIPES = {
    "make up": "airflow-stack up --stack local",
    "make down": "airflow-stack down --stack local",
    "make preview": "airflow-stack preview",
    "make preview STACKS=prod BASE=HEAD~3": "airflow-stack preview --stack prod --base 'HEAD~3'",
    "make check-dags": "airflow-stack dags check --stack local",
    "make deploy STACK=prod": "pulumi up --stack prod --yes --skip-preview --non-interactive --policy-pack policies",
    "make check": "lint-imports",
    "make test": "python -m pytest",
    "make test-all": "python -m pytest tests/e2e",
    "make .venv/runtime": "pip install",
    "make options": "python scripts/options.py",
    "make prices": "python scripts/prices.py",
    "make prices REGIONS=eu-west-3": "python scripts/prices.py eu-west-3",
}
"""What `make` would run, as `make --dry-run` says it."""


@dataclass(frozen=True)
class Elsewhere:
    """Commands that a test of its own runs, in its own words."""

    test: str
    """file::function."""
    words: str
    """What the file of the test, or one of tests/ that it imports, calls it by."""
    commands: tuple[str, ...]


ELSEWHERE = (
    Elsewhere(
        "tests/e2e/test_operate.py::test_fewer_stay_fewer_until_the_next_up",
        '"scale", "worker=1", "triggerer=0"',
        ("airflow-stack scale -s local worker=1 triggerer=0",),
    ),
    Elsewhere(
        "tests/e2e/test_operate.py::test_a_restart_is_one_after_the_other",
        '"restart", "worker"',
        ("airflow-stack restart -s local worker",),
    ),
    Elsewhere(
        "tests/e2e/test_pulumi.py::test_a_second_up_changes_nothing",
        '"up", "--yes"',
        ("pulumi up", "pulumi up -s local", "pulumi up --yes --skip-preview", "pulumi up -v=7 --logtostderr"),
    ),
    Elsewhere("tests/e2e/test_pulumi.py::test_refresh_finds_no_drift", '"preview"', ("pulumi preview",)),
    Elsewhere(
        "tests/e2e/test_pulumi.py::test_a_container_removed_by_hand_comes_back",
        '"--refresh"',
        ("pulumi up --refresh",),
    ),
    Elsewhere(
        "tests/e2e/test_pulumi_life.py::test_destroyed_and_made_again_a_stack_finds_its_data",
        '"destroy"',
        ("pulumi destroy",),
    ),
    Elsewhere(
        "tests/e2e/test_two_clones.py::test_a_throw_away_stack_takes_its_own_data_alone",
        '"down", "-s"',
        ("airflow-stack down -s local",),
    ),
    Elsewhere(
        "tests/e2e/test_two_clones.py::test_docker_shows_what_a_directory_has",
        "label=airflow-stack.directory=",
        ("docker ps --all --filter label=airflow-stack.directory=$PWD",),
    ),
    Elsewhere("tests/e2e/test_pulumi_life.py::test_a_throw_away_stack_leaves_nothing", '"down", "-s"', ("make down",)),
    Elsewhere(
        "tests/e2e/test_dags.py::test_missing_names_fail_a_strict_check",
        '"--strict"',
        (".venv/bin/airflow-stack dags check -s local --strict --variables ci/variables.json",),
    ),
    Elsewhere(
        "tests/aws/test_whole_program.py::test_preview_with_neither_credentials_nor_network",
        '"preview"',
        ("pulumi preview -s prod",),
    ),
    Elsewhere(
        "tests/aws/test_whole_program.py::test_created",
        '"up", "--yes"',
        ("pulumi up -s prod", "make deploy STACK=prod"),
    ),
    Elsewhere(
        "tests/aws/test_whole_program.py::test_destroy_stops_at_the_data", '"destroy"', ("pulumi destroy -s prod",)
    ),
    Elsewhere(
        "tests/aws/test_whole_program.py::test_destroyed",
        "delete_data=True",
        ("pulumi up -s prod && pulumi destroy -s prod",),
    ),
    Elsewhere(
        "tests/aws/test_policy_pack.py::test_prod_passes",
        '"preview", "--policy-pack"',
        ("make policies", "pulumi preview -s prod --policy-pack policies"),
    ),
    Elsewhere(
        "tests/docs/test_outputs.py::test_every_output_that_is_asked_for_is_there",
        "pulumi stack output",
        (
            "pulumi stack output url -s prod",
            "pulumi stack output task_roles",
            "pulumi stack output github_roles -s prod",
        ),
    ),
    Elsewhere(
        "tests/backends/aws/test_stack.py::test_the_password_is_a_secret_output",
        "password.is_secret()",
        ("pulumi stack output admin_password --show-secrets -s prod",),
    ),
    Elsewhere(
        "tests/e2e/test_rehearsal.py::test_prod_is_rehearsed_and_nothing_is_left",
        '"rehearse", "-s", "prod"',
        ("airflow-stack rehearse -s prod",),
    ),
    Elsewhere(
        "tests/operations/test_init_interview.py::test_every_default_is_an_answer",
        "import Options, init",
        ("airflow-stack init -s local",),
    ),
    Elsewhere(
        "tests/operations/preview/test_preview.py::test_prod_against_the_base",
        "preview(project",
        ("airflow-stack preview -s prod --base main", "make preview", "make preview STACKS=prod BASE=HEAD~3"),
    ),
    Elsewhere(
        "tests/github/test_workflows.py::test_every_target_of_make_exists",
        '"Makefile"',
        ("make check", "make check-dags", "make test", "make test-all", "make .venv/runtime"),
    ),
    Elsewhere(
        "tests/e2e/test_backup.py::test_an_empty_stack_becomes_the_one_that_was_backed_up",
        '"restore", "-s"',
        (
            "airflow-stack restore -s other --from airflow-backup-local-20260101T000000Z.tar.gz",
            "airflow-stack restore -s other --from FILE",
            "airflow-stack up -s other",
        ),
    ),
    Elsewhere(
        "tests/scripts/test_prices.py::test_a_new_region_gets_prices_of_its_own_and_dates_stay",
        "prices.refresh(",
        ("make prices", "make prices REGIONS=eu-west-3"),
    ),
    Elsewhere(
        "tests/scripts/test_option_tables.py::test_no_sentence_of_airflows_is_in_the_table_and_a_second_run_makes_the_same",
        "options.main()",
        ("make options",),
    ),
    Elsewhere(
        "tests/operations/running/test_aws_commands.py::test_airflow_is_a_task_too",
        '["airflow", "dags", "list"]',
        ("airflow-stack airflow -s prod dags list", "airflow-stack airflow -s prod dags trigger example_workers"),
    ),
    Elsewhere(
        "tests/operations/running/test_aws_commands.py::test_a_command_runs_where_the_outputs_say",
        ".run(",
        (
            "airflow-stack run -s prod --cpu 2048 --memory 4096 -- airflow dags list",
            "airflow-stack run -s prod -- airflow users create --role Viewer --username …",
        ),
    ),
    Elsewhere(
        "tests/operations/running/test_aws_commands.py::test_a_shell_becomes_the_plugin_with_the_session_out_of_sight",
        ".shell(",
        ("airflow-stack shell -s prod scheduler",),
    ),
    Elsewhere(
        "tests/operations/running/test_aws_logs.py::test_a_role_since_a_moment",
        ".logs(",
        ("airflow-stack logs -s prod scheduler --since 10m",),
    ),
    Elsewhere(
        "tests/operations/running/test_aws_change.py::test_a_service_without_bounds_is_scaled_alone",
        '.scale("triggerer"',
        ("airflow-stack scale -s prod triggerer=0", "airflow-stack scale -s prod worker=0"),
    ),
    Elsewhere(
        "tests/operations/entries/test_entry_secrets_manager.py::test_there_and_back_and_again",
        "import_entries(",
        ("airflow-stack connections import connections.json -s prod",),
    ),
    Elsewhere(
        "tests/operations/doctor/test_aws_stack.py::test_the_database_is_asked_only_where_it_is_wanted",
        "deep=True",
        ("airflow-stack doctor -s prod --deep",),
    ),
    Elsewhere(
        "tests/operations/doctor/test_aws_before.py::test_a_stack_that_is_not_deployed_is_looked_at",
        "doctor._running(",
        ("airflow-stack doctor -s prod",),
    ),
    Elsewhere(
        "tests/e2e/test_compose.py::test_a_second_up_recreates_nothing",
        '"--compose"',
        ("airflow-stack up --compose -s bench && airflow-stack down -s bench", "docker-compose up -d"),
    ),
)

NAMES = (
    "airflow-stack backup",
    "airflow-stack cost",
    "airflow-stack dags check",
    "airflow-stack dags test",
    "airflow-stack down",
    "airflow-stack restore",
    "airflow-stack up",
)
"""A verb without its options, which a sentence speaks of: the verb must be there."""

NOT_OURS: dict[str, tuple[str, ...]] = {
    "Pulumi's own, and needs an account's bucket or key": (
        "pulumi login s3://your-bucket",
        "pulumi login s3://example-pulumi-state",
        'pulumi stack init prod --secrets-provider="awskms://01234567-89ab-cdef-0123-456789abcdef?region=eu-central-1"',
    ),
    "a person logs in, in a browser": ("aws sso login",),
    "changes the machine of whoever runs it": (
        "docker run --privileged --rm tonistiigi/binfmt --install arm64",
        "docker builder prune",
        "docker image prune",
        "docker system prune",
        "sudo usermod -aG docker $USER",
    ),
    "a name that a sentence speaks of: what another program shows or writes": (
        "airflow connections export",
        "airflow dags test",
        "airflow jobs check",
        "airflow pools export",
        "airflow variables export",
        "docker inspect",
        "docker logs",
        "docker stats",
        "pulumi plugin install",
    ),
    "Pulumi's own, where an update was killed on another machine": ("pulumi cancel",),
    "Docker's own, with the name of the container that an error has named": ("docker logs af-init",),
    "Airflow's own procedure for its keys": ("airflow rotate-fernet-key",),
    "it asks a terminal; without one, test_choices.py asks the same of psql": (
        "docker exec -it af-postgres psql -U postgres -c '\\password airflow'",
    ),
    "a measurement of minutes that wants the whole machine": (
        "benchmarks/run.py --compose bench.yaml --dags dags --project bench --rounds 1 --settle 30 --timeout 200"
        " --pulumi bench",
    ),
}
"""Why no test of this project runs them."""


def classified() -> list[str]:
    """Every command that this file knows; `make`'s once, though its recipe and its test are looked at."""
    return [
        *HERE,
        *ON_STACK,
        *ON_PULUMI_STACK,
        *(text for one in ELSEWHERE for text in one.commands),
        *NAMES,
        *(text for texts in NOT_OURS.values() for text in texts),
    ]
