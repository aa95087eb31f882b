"""Who may do what, and who reads which secret, as rules of the whole plan."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_stack.backends.aws.plan import refs
from airflow_stack.backends.aws.plan.endpoints import BY_THE_AGENT, ENDPOINTS, interface_endpoints
from airflow_stack.backends.aws.plan.rights import Rights, statement
from airflow_stack.cost import estimate
from backends.aws.recorded import planned
from backends.aws.whole import CONFIGS, deploy, parsed

MIRROR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/mirror"
CLOSED: dict[str, Any] = {"target": {"egress": "vpc_endpoints", "side_images": MIRROR, "logs": {"firelens": True}}}
STACKS: dict[str, dict[str, Any]] = CONFIGS | {"closed": CLOSED, "cache": {"broker": {"kind": "elasticache"}}}


def rights(stack: str) -> dict[str, Rights]:
    return {one.role: one for one in planned(parsed(STACKS[stack])[0]).rights}


@pytest.mark.parametrize("stack", STACKS)
def test_ecs_reads_the_secrets_of_a_role_and_its_tasks_read_none(stack: str) -> None:
    """Rule: a role's execution role opens the files that it reads and no other; a task never opens one itself."""
    plan = planned(parsed(STACKS[stack])[0])
    for one in plan.rights:
        mine = {str(refs.secret(file.name)) for file in plan.secrets.files if one.role in file.readers}
        opened = {
            name
            for statement in one.execution
            if "secretsmanager:GetSecretValue" in statement["Action"]
            for name in statement["Resource"]
        }
        assert opened == mine, one.role
        assert "{secret_arn." not in json.dumps(one.task)


@pytest.mark.parametrize("stack", STACKS)
def test_every_secret_of_the_plan_is_made_and_paid(stack: str) -> None:
    """Rule: one secret a file that a role reads, and no other."""
    config = parsed(STACKS[stack])[0]
    made = deploy(STACKS[stack]).of("aws:secretsmanager/secret:Secret")
    files = [file.name for file in planned(config).secrets.files]
    assert {f"airflow-{name.replace('_', '-')}" for name in files} == set(made)
    assert {item.what: item.quantity for item in estimate(planned(config)).items}["secrets"] == len(files)


def test_a_right_of_a_service_without_a_known_endpoint_is_told() -> None:
    """Rule: a new right can't leave tasks waiting for an answer: the error names the right, and where to add what."""
    queue = statement("Queue", ["sqs:SendMessage"], ["*"])
    assert interface_endpoints([Rights("worker", (), (queue,))]) == ("sqs",)
    mail = statement("Mail", ["sns:Publish", "ses:SendEmail"], ["*"])
    with pytest.raises(ValueError, match=r"ses:SendEmail, sns:Publish: name the endpoint of ses, sns in .*ENDPOINTS"):
        interface_endpoints([Rights("worker", (), (queue, mail))])


@pytest.mark.parametrize("stack", STACKS)
def test_an_endpoint_is_one_that_a_right_needs(stack: str) -> None:
    """Rule: where there is no other way out, each service that tasks may call has its endpoints, and no other has."""
    plan = planned(parsed(STACKS[stack])[0])
    if plan.network.way_out != "vpc_endpoints":
        assert plan.network.endpoints == ()
        return
    called = {action.partition(":")[0] for one in plan.rights for action in one.actions - BY_THE_AGENT}
    for service, endpoints in ENDPOINTS.items():
        assert set(endpoints) & set(plan.network.endpoints) == (set(endpoints) if service in called else set())


@pytest.mark.parametrize("stack", STACKS)
def test_a_policy_in_aws_is_the_one_of_the_plan(stack: str) -> None:
    """Rule: Pulumi puts values in place of references, and changes nothing else."""
    made = deploy(STACKS[stack]).of("aws:iam/rolePolicy:RolePolicy")
    for role, one in rights(stack).items():
        for kind, statements in (("execution", one.execution), ("task", one.task)):
            text = made[f"airflow-{role}-{kind}-policy"].inputs["policy"]
            assert not refs.refs(text)
            found = json.loads(text)["Statement"]
            assert [(each["Sid"], each["Action"]) for each in found] == [
                (each["Sid"], each["Action"]) for each in statements
            ]
