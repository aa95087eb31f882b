"""Roles and their policies. IAM checks no document here: that is what parliament does in the tests of the roles."""

from __future__ import annotations

import json
from typing import Any

from aws.translate.kind import Aws, Inputs, Kind, Properties, words


def document(value: Any) -> str:
    """A policy as text; the provider takes it as text or as an object."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


class Role(Kind):
    type = "aws:iam/role:Role"
    service, tagged = "iam", True
    creates, identity = "create_role", "Role.RoleName"
    reads, item, key, deletes = "get_role", "Role", "RoleName", "delete_role"
    rename = words({"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"})
    outputs = words({"arn": "Arn", "name": "RoleName", "uniqueId": "RoleId", "path": "Path"})
    aside = ("forceDetachPolicies",)
    replaces = ("name", "namePrefix", "path")
    unread = ("maxSessionDuration", "permissionsBoundary")
    named = ("name", 64)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        inputs.get("forceDetachPolicies")
        inputs["assumeRolePolicy"] = document(inputs["assumeRolePolicy"])
        return super().create(aws, inputs)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        raw = super().raw(aws, identifier, state)
        return raw | {"AssumeRolePolicyDocument": document(raw["AssumeRolePolicyDocument"])}

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        policy = document(new["assumeRolePolicy"])
        aws.call("iam", "update_assume_role_policy", RoleName=identifier, PolicyDocument=policy)
        if new.get("description") != old.get("description"):
            aws.call("iam", "update_role", RoleName=identifier, Description=new.get("description") or "")
        new.used.update(new)


class RolePolicy(Kind):
    type = "aws:iam/rolePolicy:RolePolicy"
    service = "iam"
    rename = words({"policy": "PolicyDocument"})
    replaces = ("name", "namePrefix", "role")
    named = ("name", 128)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        role, name = inputs["role"], inputs["name"]
        policy = document(inputs["policy"])
        aws.call("iam", "put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=policy)
        return f"{role}:{name}"

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        self.create(aws, new)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        role, name = identifier.split(":", 1)
        raw = aws.call("iam", "get_role_policy", RoleName=role, PolicyName=name)
        return {"PolicyDocument": document(raw["PolicyDocument"])}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        role, name = identifier.split(":", 1)
        aws.call("iam", "delete_role_policy", RoleName=role, PolicyName=name)


class Policy(Kind):
    type = "aws:iam/policy:Policy"
    service, tagged = "iam", True
    creates, identity = "create_policy", "Policy.Arn"
    reads, item, key, deletes = "get_policy", "Policy", "PolicyArn", "delete_policy"
    rename = words({"name": "PolicyName", "policy": "PolicyDocument"})
    outputs = words({"arn": "Arn", "name": "PolicyName", "policyId": "PolicyId"})
    replaces = ("name", "namePrefix", "path", "description")
    named = ("name", 128)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        policy = document(new["policy"])
        new.used.update(new)
        aws.call("iam", "create_policy_version", PolicyArn=identifier, PolicyDocument=policy, SetAsDefault=True)


class RolePolicyAttachment(Kind):
    type = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    service = "iam"
    replaces = ("role", "policyArn")

    def create(self, aws: Aws, inputs: Inputs) -> str:
        aws.call("iam", "attach_role_policy", RoleName=inputs["role"], PolicyArn=inputs["policyArn"])
        return f"{inputs['role']}-{inputs['policyArn']}"

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("iam", "list_attached_role_policies", RoleName=state["role"])["AttachedPolicies"]
        return next(({} for one in found if one["PolicyArn"] == state["policyArn"]), None)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        aws.call("iam", "detach_role_policy", RoleName=state["role"], PolicyArn=state["policyArn"])


class OpenIdConnectProvider(Kind):
    type = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    service, tagged = "iam", True
    creates, identity = "create_open_id_connect_provider", "OpenIDConnectProviderArn"
    reads, key, deletes = (
        "get_open_id_connect_provider",
        "OpenIDConnectProviderArn",
        "delete_open_id_connect_provider",
    )
    rename = words({"url": "Url", "clientIdLists": "ClientIDList", "thumbprintLists": "ThumbprintList"})
    outputs = words({"arn": "arn"})
    replaces = ("url",)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        return aws.call("iam", "get_open_id_connect_provider", OpenIDConnectProviderArn=identifier) | {
            "Url": state.get("url"), "arn": identifier
        }  # fmt: skip


KINDS = (Role, RolePolicy, Policy, RolePolicyAttachment, OpenIdConnectProvider)
