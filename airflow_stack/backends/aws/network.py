"""``target.network``, ``target.egress``: VPC, subnets, and how tasks get out of them.

There are no VPC flow logs: CloudWatch charges for every GB of them, and nothing here reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_aws import ec2, vpc

from airflow_stack.backends.aws.plan.network import ExistingVpc, NetworkPlan, OwnVpc
from airflow_stack.backends.aws.plan.rules import ANYWHERE


def after(value: pulumi.Output[str], resources: Sequence[pulumi.Resource]) -> pulumi.Output[str]:
    """The same value, for whose users these resources come first: made before them, deleted after them.

    A subnet is of use only with its routes, a security group only with its rules. Waits for URNs instead of ids: a
    preview knows them, so a resource that is new does not make the value look unknown.
    """
    return pulumi.Output.all(value, *(resource.urn for resource in resources)).apply(lambda known: str(known[0]))


class Network(pulumi.ComponentResource):
    """A VPC of the stack's own, or one that is there already."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: list[pulumi.Output[str]]
    """Of the load balancer; with a route to the internet."""
    private_subnet_ids: list[pulumi.Output[str]]
    """Of database and broker. They don't wait for a way out, which these don't use."""
    task_subnet_ids: list[pulumi.Output[str]]
    """Of the tasks; with their way out."""
    assign_public_ip: bool
    """Whether a task needs a public address of its own to get out."""
    cidr_block: pulumi.Output[str] | None
    """Of the VPC; None for an existing one, whose addresses config does not name."""

    def __init__(
        self, name: str, prefix: str, region: str, plan: NetworkPlan, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("airflow-stack:aws:Network", name, None, opts)
        self._name, self._prefix, self._region = name, prefix, region
        self._child = pulumi.ResourceOptions(parent=self)
        self.assign_public_ip = plan.public_ip
        if isinstance(plan.vpc, ExistingVpc):
            self._existing(plan.vpc)
        else:
            self._own(plan, plan.vpc)
        self.register_outputs({})

    def _existing(self, network: ExistingVpc) -> None:
        """Only names what its owner has made: nothing is added to it but security groups."""
        self.vpc_id = pulumi.Output.from_input(network.vpc_id)
        self.cidr_block = None
        self.public_subnet_ids = [pulumi.Output.from_input(subnet) for subnet in network.public]
        self.private_subnet_ids = [pulumi.Output.from_input(subnet) for subnet in network.private]
        self.task_subnet_ids = self.public_subnet_ids if self.assign_public_ip else self.private_subnet_ids

    def _own(self, plan: NetworkPlan, network: OwnVpc) -> None:
        cloud = ec2.Vpc(
            f"{self._name}-vpc",
            cidr_block=network.cidr,
            # Interface endpoints and RDS are found by names that resolve to private addresses.
            enable_dns_support=True,
            enable_dns_hostnames=True,
            tags=self._tags("vpc"),
            opts=self._child,
        )
        self.vpc_id, self.cidr_block = cloud.id, cloud.cidr_block
        # Whatever is started without a group of its own lands in this one: it lets nothing in or out.
        ec2.DefaultSecurityGroup(
            f"{self._name}-default-security-group",
            vpc_id=cloud.id,
            ingress=[],
            egress=[],
            tags=self._tags("unused"),
            opts=self._child,
        )
        public = {zone.letter: self._subnet("public", zone.letter, zone.public) for zone in network.zones}
        private = {zone.letter: self._subnet("private", zone.letter, zone.private) for zone in network.zones}

        gateway = ec2.InternetGateway(
            f"{self._name}-internet", vpc_id=cloud.id, tags=self._tags("internet"), opts=self._child
        )
        public_table = self._table("public")
        # By zone and not by gateway: from one NAT gateway to one a zone, only routes change.
        private_tables = {letter: self._table(f"private-{letter}") for letter in private}
        internet = ec2.Route(
            f"{self._name}-public-internet",
            route_table_id=public_table.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway.id,
            opts=self._child,
        )
        public_routes: dict[str, list[pulumi.Resource]] = {
            letter: [internet, self._associate("public", letter, subnet, public_table)]
            for letter, subnet in public.items()
        }
        private_routes: dict[str, list[pulumi.Resource]] = {
            letter: [self._associate("private", letter, subnet, private_tables[letter])]
            for letter, subnet in private.items()
        }
        self.public_subnet_ids = [after(subnet.id, public_routes[letter]) for letter, subnet in public.items()]
        self.private_subnet_ids = [after(subnet.id, private_routes[letter]) for letter, subnet in private.items()]
        shared: list[pulumi.Resource] = [self._s3([public_table, *private_tables.values()])]
        if plan.public_ip:
            self.task_subnet_ids = [after(subnet, shared) for subnet in self.public_subnet_ids]
            return
        if plan.endpoints:
            shared += self._endpoints(plan.endpoints, cloud, list(private.values()))
        gateways = {letter: self._nat(letter, public[letter], public_routes[letter]) for letter in network.nat_zones}
        if gateways:
            first = gateways[network.nat_zones[0]]
            for letter, table in private_tables.items():
                private_routes[letter].append(self._nat_route(letter, table, gateways.get(letter, first)))
        self.task_subnet_ids = [
            after(subnet.id, [*private_routes[letter], *shared]) for letter, subnet in private.items()
        ]

    def _subnet(self, kind: str, letter: str, block: str) -> ec2.Subnet:
        return ec2.Subnet(
            f"{self._name}-{kind}-{letter}",
            vpc_id=self.vpc_id,
            cidr_block=block,
            availability_zone=f"{self._region}{letter}",
            # A task that is to have a public address asks for it; nothing gets one by standing here.
            map_public_ip_on_launch=False,
            tags=self._tags(f"{kind}-{letter}"),
            opts=self._child,
        )

    def _table(self, purpose: str) -> ec2.RouteTable:
        return ec2.RouteTable(f"{self._name}-{purpose}", vpc_id=self.vpc_id, tags=self._tags(purpose), opts=self._child)

    def _associate(
        self, kind: str, letter: str, subnet: ec2.Subnet, table: ec2.RouteTable
    ) -> ec2.RouteTableAssociation:
        return ec2.RouteTableAssociation(
            f"{self._name}-{kind}-{letter}-routes", subnet_id=subnet.id, route_table_id=table.id, opts=self._child
        )

    def _s3(self, tables: Sequence[ec2.RouteTable]) -> ec2.VpcEndpoint:
        """Free, and it keeps task logs and image layers off a NAT gateway, which charges for each GB.

        Its policy is AWS's default: what a task may do with which bucket is the matter of the task's role.
        """
        return ec2.VpcEndpoint(
            f"{self._name}-s3",
            vpc_id=self.vpc_id,
            service_name=f"com.amazonaws.{self._region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=[table.id for table in tables],
            tags=self._tags("s3"),
            opts=self._child,
        )

    def _nat(self, letter: str, subnet: ec2.Subnet, routes: Sequence[pulumi.Resource]) -> ec2.NatGateway:
        address = ec2.Eip(
            f"{self._name}-nat-{letter}",
            domain="vpc",
            tags=self._tags(f"nat-{letter}"),
            # AWS refuses to detach an internet gateway while addresses of its VPC are in use.
            opts=pulumi.ResourceOptions(parent=self, depends_on=list(routes)),
        )
        return ec2.NatGateway(
            f"{self._name}-nat-{letter}",
            allocation_id=address.id,
            subnet_id=after(subnet.id, routes),
            tags=self._tags(f"nat-{letter}"),
            opts=self._child,
        )

    def _nat_route(self, letter: str, table: ec2.RouteTable, nat: ec2.NatGateway) -> ec2.Route:
        return ec2.Route(
            f"{self._name}-private-{letter}-nat",
            route_table_id=table.id,
            destination_cidr_block=ANYWHERE,
            nat_gateway_id=nat.id,
            opts=self._child,
        )

    def _endpoints(
        self, services: Sequence[str], cloud: ec2.Vpc, private: Sequence[ec2.Subnet]
    ) -> list[pulumi.Resource]:
        group = ec2.SecurityGroup(
            f"{self._name}-endpoints",
            name_prefix=f"{self._prefix}-endpoints-",
            description="VPC endpoints of AWS services",
            vpc_id=cloud.id,
            tags=self._tags("endpoints"),
            opts=self._child,
        )
        rule = vpc.SecurityGroupIngressRule(
            f"{self._name}-endpoints-from-vpc",
            security_group_id=group.id,
            description="HTTPS to AWS services, from inside the VPC",
            cidr_ipv4=cloud.cidr_block,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
            opts=self._child,
        )
        endpoints = [
            ec2.VpcEndpoint(
                f"{self._name}-{service.replace('.', '-')}",
                vpc_id=cloud.id,
                service_name=f"com.amazonaws.{self._region}.{service}",
                vpc_endpoint_type="Interface",
                # The services' usual names then lead here: nothing in a task has to be told.
                private_dns_enabled=True,
                subnet_ids=[subnet.id for subnet in private],
                security_group_ids=[group.id],
                tags=self._tags(service),
                opts=self._child,
            )
            for service in services
        ]
        return [rule, *endpoints]

    def _tags(self, purpose: str) -> dict[str, str]:
        """What the console shows as a name."""
        return {"Name": f"{self._prefix}-{purpose}"}
