"""The contract on graphs made by hand: what it lets through, and what it does not."""

from __future__ import annotations

from typing import Any

import grimp
import pytest

from architecture.one_target import OneTarget


def check(imports: list[tuple[str, str]], both: list[str]) -> dict[str, Any]:
    """What the contract has found; empty where it is kept."""
    graph = grimp.ImportGraph()
    for importer, imported in imports:
        graph.add_import(importer=importer, imported=imported)
    contract = OneTarget(name="", session_options={}, contract_options={"both": both})
    result = contract.check(graph, verbose=False)
    found = {key: value for key, value in result.metadata.items() if value}
    assert result.kept is not bool(found)
    return found


@pytest.mark.parametrize(
    "imports",
    [
        [("airflow_stack.operations.push", "docker"), ("airflow_stack.operations.push", "boto3")],
        [("airflow_stack.backends.aws.stack", "airflow_stack.backends.local")],
        [("airflow_stack.operations.running.docker_stack", "airflow_stack.operations.aws_client")],
        [("airflow_stack.backends.machine", "pulumi_aws")],
    ],
)
def test_a_module_of_both_targets_is_found(imports: list[tuple[str, str]]) -> None:
    """Rule: by SDKs, by modules of a target, or by being one target's and importing the other's."""
    module = imports[0][0]
    assert list(check(imports, [])["unlisted"]) == [module]
    assert check(imports, [module]) == {}


def test_a_module_of_one_target_is_not_found() -> None:
    """Rule: what it reaches through others does not count, and neither does the model, which has both."""
    imports = [
        ("airflow_stack.operations.running.docker_stack", "docker"),
        ("airflow_stack.operations.running.docker_stack", "airflow_stack.operations.running.interface"),
        ("airflow_stack.operations.running.aws_stack", "airflow_stack.operations.running.interface"),
        ("airflow_stack.backends.local", "airflow_stack.config.aws"),
        ("airflow_stack.config.stack", "airflow_stack.config.aws"),
        ("airflow_stack.config.stack", "airflow_stack.config.local"),
    ]
    assert check(imports, []) == {}


def test_the_list_holds_nothing_else() -> None:
    """Rule: whoever no longer knows both goes off the list."""
    both = ["airflow_stack.operations.push"]
    assert check([("airflow_stack.operations.push", "docker")], both) == {"unneeded": both}
