"""VPC, subnets, routes, endpoints, security groups."""

from __future__ import annotations

from typing import Any

import jmespath

from aws.translate.kind import Aws, Inputs, Kind, Properties, RefusedError, words
from aws.translate.users import of_group, of_subnet


class Ec2(Kind):
    service = "ec2"
    tagged = True


class Vpc(Ec2):
    type = "aws:ec2/vpc:Vpc"
    creates, identity = "create_vpc", "Vpc.VpcId"
    reads, item, deletes, key = "describe_vpcs", "Vpcs[0]", "delete_vpc", "VpcIds"
    replaces = ("cidrBlock", "instanceTenancy")
    tag_type = "vpc"
    switches = ("enableDnsSupport", "enableDnsHostnames")

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        for name in self.switches:
            if (value := inputs.get(name)) is not None:
                parameter = {name[0].upper() + name[1:]: {"Value": value}}
                aws.call("ec2", "modify_vpc_attribute", VpcId=identifier, **parameter)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        group = {"Filters": [{"Name": "vpc-id", "Values": [identifier]}, {"Name": "group-name", "Values": ["default"]}]}
        found = {
            "arn": f"arn:aws:ec2:{aws.region}:{raw.get('OwnerId') or aws.account}:vpc/{identifier}",
            "defaultSecurityGroupId": jmespath.search(
                "SecurityGroups[0].GroupId", aws.call("ec2", "describe_security_groups", **group)
            ),
            "mainRouteTableId": jmespath.search(
                "RouteTables[0].RouteTableId",
                aws.call("ec2", "describe_route_tables", Filters=[
                    {"Name": "vpc-id", "Values": [identifier]}, {"Name": "association.main", "Values": ["true"]}
                ]),
            ),
        }  # fmt: skip
        for name in self.switches:
            answer = aws.call("ec2", "describe_vpc_attribute", VpcId=identifier, Attribute=name)
            found[name] = answer[name[0].upper() + name[1:]]["Value"]
        return found


class Subnet(Ec2):
    type = "aws:ec2/subnet:Subnet"
    creates, identity = "create_subnet", "Subnet.SubnetId"
    reads, item, deletes, key = "describe_subnets", "Subnets[0]", "delete_subnet", "SubnetIds"
    outputs = words({"arn": "SubnetArn", "availabilityZoneId": "AvailabilityZoneId", "ownerId": "OwnerId"})
    replaces = ("cidrBlock", "vpcId", "availabilityZone", "availabilityZoneId")
    tag_type = "subnet"

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        if (value := inputs.get("mapPublicIpOnLaunch")) is not None:
            aws.call("ec2", "modify_subnet_attribute", SubnetId=identifier, MapPublicIpOnLaunch={"Value": value})

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if users := of_subnet(aws, identifier):
            raise RefusedError(f"DependencyViolation: subnet {identifier} is used by {', '.join(users)}")
        super().delete(aws, identifier, state)


class InternetGateway(Ec2):
    type = "aws:ec2/internetGateway:InternetGateway"
    creates, identity = "create_internet_gateway", "InternetGateway.InternetGatewayId"
    reads, item, key = "describe_internet_gateways", "InternetGateways[0]", "InternetGatewayIds"
    deletes = "delete_internet_gateway"
    tag_type = "internet-gateway"

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        vpc = inputs.get("vpcId")
        attached = (self.raw(aws, identifier, {}) or {}).get("Attachments", [])
        if vpc and not any(one["VpcId"] == vpc for one in attached):
            aws.call("ec2", "attach_internet_gateway", InternetGatewayId=identifier, VpcId=vpc)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        vpc = jmespath.search("Attachments[0].VpcId", raw)
        return {"arn": f"arn:aws:ec2:{aws.region}:{aws.account}:internet-gateway/{identifier}", "vpcId": vpc}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if state.get("vpcId"):
            aws.call("ec2", "detach_internet_gateway", InternetGatewayId=identifier, VpcId=state["vpcId"])
        super().delete(aws, identifier, state)


class RouteTable(Ec2):
    type = "aws:ec2/routeTable:RouteTable"
    creates, identity = "create_route_table", "RouteTable.RouteTableId"
    reads, item, deletes, key = "describe_route_tables", "RouteTables[0]", "delete_route_table", "RouteTableIds"
    replaces = ("vpcId",)
    tag_type = "route-table"


class Route(Ec2):
    """Standalone routes; those within a table are a set that the provider owns wholly, and are not used."""

    type = "aws:ec2/route:Route"
    creates = "create_route"
    replaces = ("routeTableId", "destinationCidrBlock")
    tagged = False

    def create(self, aws: Aws, inputs: Inputs) -> str:
        aws.call("ec2", "create_route", **self.fit(aws, "create_route", inputs))
        return f"r-{inputs['routeTableId']}-{inputs['destinationCidrBlock']}"

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        table = aws.call("ec2", "describe_route_tables", RouteTableIds=[state["routeTableId"]])["RouteTables"][0]
        wanted = state["destinationCidrBlock"]
        return next((one for one in table["Routes"] if one.get("DestinationCidrBlock") == wanted), None)

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        aws.call("ec2", "replace_route", **self.fit(aws, "replace_route", new))

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        target = {"RouteTableId": state["routeTableId"], "DestinationCidrBlock": state["destinationCidrBlock"]}
        aws.call("ec2", "delete_route", **target)


class RouteTableAssociation(Ec2):
    type = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    creates, identity = "associate_route_table", "AssociationId"
    deletes, key = "disassociate_route_table", "AssociationId"
    replaces = ("subnetId", "gatewayId")
    tagged = False

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        filters = [{"Name": "association.route-table-association-id", "Values": [identifier]}]
        tables = aws.call("ec2", "describe_route_tables", Filters=filters)
        found = jmespath.search("RouteTables[].Associations[]", tables) or []
        return next((one for one in found if one.get("RouteTableAssociationId") == identifier), None)


class Eip(Ec2):
    type = "aws:ec2/eip:Eip"
    creates, identity = "allocate_address", "AllocationId"
    reads, item, deletes, key = "describe_addresses", "Addresses[0]", "release_address", "AllocationId"
    outputs = words({"publicIp": "PublicIp", "allocationId": "AllocationId"})
    replaces = ("domain",)
    tag_type = "elastic-ip"

    def identified(self, aws: Aws, operation: str, identifier: str) -> dict[str, Any]:
        return {"AllocationIds": [identifier]} if operation == self.reads else {"AllocationId": identifier}


class NatGateway(Ec2):
    type = "aws:ec2/natGateway:NatGateway"
    creates, identity = "create_nat_gateway", "NatGateway.NatGatewayId"
    reads, deletes, key = "describe_nat_gateways", "delete_nat_gateway", "NatGatewayIds"
    item = "NatGateways[?State!='deleted'] | [0]"
    outputs = words({"publicIp": "NatGatewayAddresses[0].PublicIp"})
    replaces = ("subnetId", "allocationId", "connectivityType", "availabilityMode", "vpcId")
    tag_type = "natgateway"

    def identified(self, aws: Aws, operation: str, identifier: str) -> dict[str, Any]:
        return {"NatGatewayIds": [identifier]} if operation == self.reads else {"NatGatewayId": identifier}


class VpcEndpoint(Ec2):
    type = "aws:ec2/vpcEndpoint:VpcEndpoint"
    creates, identity = "create_vpc_endpoint", "VpcEndpoint.VpcEndpointId"
    reads, deletes, key = "describe_vpc_endpoints", "delete_vpc_endpoints", "VpcEndpointIds"
    item = "VpcEndpoints[?State!='deleted'] | [0]"
    rename = words({"policy": "PolicyDocument"})
    outputs = words({"state": "State"})
    replaces = (
        "vpcId", "serviceName", "vpcEndpointType", "serviceRegion", "resourceConfigurationArn", "serviceNetworkArn",
    )  # fmt: skip
    unread = ("privateDnsEnabled", "policy")
    tag_type = "vpc-endpoint"

    def forces(self, old: Properties, new: Properties) -> tuple[str, ...]:
        """Names of its own are switched on and off for an interface alone."""
        switched = new.get("vpcEndpointType") != "Interface"
        return (*self.replaces, "privateDnsEnabled") if switched else self.replaces

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        changes: dict[str, Any] = {}
        for name in ("routeTableIds", "subnetIds", "securityGroupIds"):
            before, after = set(old.get(name) or []), set(new.get(name) or [])
            word = name[0].upper() + name[1:]
            changes |= {f"Add{word}": sorted(after - before)} if after - before else {}
            changes |= {f"Remove{word}": sorted(before - after)} if before - after else {}
        if new.get("policy") != old.get("policy"):
            changes["PolicyDocument"] = new.get("policy")
        new.used.update(new)
        if changes:
            aws.call("ec2", "modify_vpc_endpoint", VpcEndpointId=identifier, **changes)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        prefixes = aws.call("ec2", "describe_managed_prefix_lists")["PrefixLists"]
        wanted = (raw.get("ServiceName") or "").replace("com.amazonaws.", "com.amazonaws.", 1)
        found = next((one["PrefixListId"] for one in prefixes if one["PrefixListName"] == wanted), None)
        arn = f"arn:aws:ec2:{aws.region}:{raw['OwnerId']}:vpc-endpoint/{identifier}"
        return {"arn": arn, "state": raw["State"]} | ({"prefixListId": found} if found else {})


class VpcEndpointRouteTableAssociation(Ec2):
    type = "aws:ec2/vpcEndpointRouteTableAssociation:VpcEndpointRouteTableAssociation"
    replaces = ("vpcEndpointId", "routeTableId")
    tagged = False

    def create(self, aws: Aws, inputs: Inputs) -> str:
        ends = inputs["vpcEndpointId"], inputs["routeTableId"]
        aws.call("ec2", "modify_vpc_endpoint", VpcEndpointId=ends[0], AddRouteTableIds=[ends[1]])
        return "a-" + "-".join(ends)

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        found = aws.call("ec2", "describe_vpc_endpoints", VpcEndpointIds=[state["vpcEndpointId"]])["VpcEndpoints"]
        return {} if found and state["routeTableId"] in found[0].get("RouteTableIds", []) else None

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        change = {"RemoveRouteTableIds": [state["routeTableId"]]}
        aws.call("ec2", "modify_vpc_endpoint", VpcEndpointId=state["vpcEndpointId"], **change)


class SecurityGroup(Ec2):
    """Without rules of its own: inline ones and standalone ones undo each other, so inline ones are refused."""

    type = "aws:ec2/securityGroup:SecurityGroup"
    creates, identity = "create_security_group", "GroupId"
    reads, item, deletes, key = "describe_security_groups", "SecurityGroups[0]", "delete_security_group", "GroupIds"
    rename = words({"name": "GroupName"})
    outputs = words({"ownerId": "OwnerId"})
    aside = ("revokeRulesOnDelete",)
    replaces = ("name", "namePrefix", "description", "vpcId")
    named = ("name", 255)
    tag_type = "security-group"

    def create(self, aws: Aws, inputs: Inputs) -> str:
        if "ingress" in inputs or "egress" in inputs:
            raise RefusedError(f"{self.type}: inline rules do not go with standalone ones")
        inputs.setdefault("description", "Managed by Pulumi")
        inputs.get("revokeRulesOnDelete")
        identifier = super().create(aws, inputs)
        # The provider removes the rule that EC2 gives to every new group.
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        aws.call("ec2", "revoke_security_group_egress", GroupId=identifier, IpPermissions=everything)
        return identifier

    def identified(self, aws: Aws, operation: str, identifier: str) -> dict[str, Any]:
        return {"GroupIds": [identifier]} if operation == self.reads else {"GroupId": identifier}

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        arn = f"arn:aws:ec2:{aws.region}:{raw['OwnerId']}:security-group/{identifier}"
        return {"arn": arn, "ownerId": raw["OwnerId"], "name": raw["GroupName"]}

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        new.used.update(new)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if users := of_group(aws, identifier):
            raise RefusedError(f"DependencyViolation: security group {identifier} is used by {', '.join(users)}")
        super().delete(aws, identifier, state)


class DefaultSecurityGroup(Ec2):
    """AWS makes it with the VPC; the provider takes it over, empties it, and never deletes it."""

    type = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    reads, item, key = "describe_security_groups", "SecurityGroups[0]", "GroupIds"
    replaces = ("vpcId",)

    def create(self, aws: Aws, inputs: Inputs) -> str:
        if inputs.get("ingress") or inputs.get("egress"):
            raise RefusedError(f"{self.type}: the stand-in knows it without rules only")
        filters = [{"Name": "vpc-id", "Values": [inputs["vpcId"]]}, {"Name": "group-name", "Values": ["default"]}]
        group = aws.call("ec2", "describe_security_groups", Filters=filters)["SecurityGroups"][0]
        for direction, call in (("IpPermissions", "ingress"), ("IpPermissionsEgress", "egress")):
            if group[direction]:
                rules = {"GroupId": group["GroupId"], "IpPermissions": group[direction]}
                aws.call("ec2", f"revoke_security_group_{call}", **rules)
        return str(group["GroupId"])

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        arn = f"arn:aws:ec2:{aws.region}:{raw['OwnerId']}:security-group/{identifier}"
        return {"arn": arn, "ownerId": raw["OwnerId"], "name": raw["GroupName"]}


PEERS = {
    "cidrIpv4": ("IpRanges", "CidrIp"),
    "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListId": ("PrefixListIds", "PrefixListId"),
    "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
}
"""Whom a rule is about: where EC2 takes it, and under which name."""


class _Rule(Ec2):
    """One rule. Neither its group can change nor the kind of its peer; all else can, without a new rule."""

    item = "SecurityGroupRules[0]"
    reads, key = "describe_security_group_rules", "SecurityGroupRuleIds"
    replaces = ("securityGroupId",)
    direction = ""
    tag_type = "security-group-rule"

    def forces(self, old: Properties, new: Properties) -> tuple[str, ...]:
        """An address in place of a group, or the other way round, is another rule."""
        return (*self.replaces, *PEERS) if {*PEERS} & old.keys() != {*PEERS} & new.keys() else self.replaces

    def _permission(self, inputs: Inputs) -> dict[str, Any]:
        described = {"Description": inputs["description"]} if "description" in inputs else {}
        protocol = str(inputs["ipProtocol"])
        permission: dict[str, Any] = {"IpProtocol": protocol}
        if protocol != "-1":
            permission |= {"FromPort": int(inputs["fromPort"]), "ToPort": int(inputs["toPort"])}
        elif {"fromPort", "toPort"} & set(inputs):
            raise RefusedError(
                f"{self.type}: protocol -1 has no ports; EC2 gives back -1 and the provider sees a change"
            )
        given = [peer for peer in PEERS if inputs.get(peer) is not None]
        if len(given) != 1:
            raise RefusedError(f"{self.type}: exactly one of {', '.join(PEERS)} must be given, not {len(given)}")
        ranges, field = PEERS[given[0]]
        permission[ranges] = [{field: inputs[given[0]]} | described]
        return permission

    def create(self, aws: Aws, inputs: Inputs) -> str:
        call = f"authorize_security_group_{self.direction}"
        tags = self.tags_for(aws, call, inputs.get("tagsAll") or {})
        group = inputs["securityGroupId"]
        answer = aws.call("ec2", call, GroupId=group, IpPermissions=[self._permission(inputs)], **tags)
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        arn = f"arn:aws:ec2:{aws.region}:{aws.account}:security-group-rule/{identifier}"
        return {"arn": arn, "securityGroupRuleId": identifier}

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        permission = self._permission(new)
        rule: dict[str, Any] = {
            key: permission[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in permission
        }
        for ranges, field, name in (
            ("IpRanges", "CidrIp", "CidrIpv4"), ("Ipv6Ranges", "CidrIpv6", "CidrIpv6"),
            ("UserIdGroupPairs", "GroupId", "ReferencedGroupId"), ("PrefixListIds", "PrefixListId", "PrefixListId"),
        ):  # fmt: skip
            for one in permission.get(ranges, []):
                rule |= {name: one[field]} | ({"Description": one["Description"]} if "Description" in one else {})
        changed = [{"SecurityGroupRuleId": identifier, "SecurityGroupRule": rule}]
        aws.call("ec2", "modify_security_group_rules", GroupId=new["securityGroupId"], SecurityGroupRules=changed)

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        rules = {"GroupId": state["securityGroupId"], "SecurityGroupRuleIds": [identifier]}
        aws.call("ec2", f"revoke_security_group_{self.direction}", **rules)


class IngressRule(_Rule):
    type = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    direction = "ingress"


class EgressRule(_Rule):
    type = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    direction = "egress"


KINDS = (
    Vpc, Subnet, InternetGateway, RouteTable, Route, RouteTableAssociation, Eip, NatGateway, VpcEndpoint,
    VpcEndpointRouteTableAssociation, SecurityGroup, DefaultSecurityGroup, IngressRule, EgressRule,
)  # fmt: skip
