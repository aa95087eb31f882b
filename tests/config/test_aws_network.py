"""Rules of `target.network` on AWS, and of the ways out of it."""

from __future__ import annotations

from config.rows import AWS, Row, merged, table

EXISTING = merged(
    AWS,
    {
        "network": {
            "kind": "existing",
            "vpc_id": "vpc-0a1b2c3d4e5f67890",
            "public_subnet_ids": ["subnet-0a1b2c3d4e5f67890", "subnet-0a1b2c3d4e5f67891"],
            "private_subnet_ids": ["subnet-0a1b2c3d4e5f67892", "subnet-0a1b2c3d4e5f67893"],
        }
    },
)


@table(
    Row(
        "egress-unknown",
        "target: {egress: internet}",
        "target.egress",
        "must be 'public_ip', 'nat', 'nat_per_zone' or 'vpc_endpoints'",
        "public_ip",
    ),
    Row(
        "endpoints-without-side-images",
        "target: {egress: vpc_endpoints}",
        "target.side_images",
        "is needed with egress vpc_endpoints, since no endpoint leads to public.ecr.aws",
        "123456789012.dkr.ecr.us-east-1.amazonaws.com/public",
        editor=False,
    ),
    Row(
        "network-is-no-cidr",
        "target: {network: {cidr: 10.0.0.0}}",
        "target.network.cidr",
        "must be an IPv4 CIDR, with its mask",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "network-is-public",
        "target: {network: {cidr: 203.0.112.0/21}}",
        "target.network.cidr",
        "must be a private network, of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "network-kind-unknown",
        "target: {network: {kind: shared}}",
        "target.network.kind",
        "must be 'own' or 'existing'",
        "own",
    ),
    Row(
        "network-overlaps-docker",
        "target: {network: {cidr: 172.17.0.0/20}}",
        "target.network.cidr",
        "overlaps 172.17.0.0/16, which AWS's own services use for Docker: take another one",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "network-too-large",
        "target: {network: {cidr: 10.0.0.0/8}}",
        "target.network.cidr",
        "must be a network of /16 to /24: its subnets are an eighth of it at the least",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "network-too-small",
        "target: {network: {cidr: 10.0.0.0/26}}",
        "target.network.cidr",
        "must be a network of /16 to /24: its subnets are an eighth of it at the least",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "network-with-host-bits",
        "target: {network: {cidr: 10.0.0.1/21}}",
        "target.network.cidr",
        "must be an IPv4 CIDR; its address has bits beyond the mask",
        "10.0.0.0/21",
        editor=False,
    ),
    Row(
        "zone-single",
        "target: {network: {zones: [a]}}",
        "target.network.zones",
        "must have 2 entries or more",
        '["a", "b"]',
        fix="edit",
    ),
    Row(
        "zone-twice",
        "target: {network: {zones: [a, a]}}",
        "target.network.zones",
        "must not name the same one twice",
        '["a", "b"]',
        fix="edit",
        editor=False,
    ),
    Row(
        "zone-with-region",
        "target: {network: {zones: [us-east-1a, b]}}",
        "target.network.zones[0]",
        "must be the letter of an availability zone",
        "a",
        editor=False,
    ),
    target=AWS,
)
def test_what_breaks_a_rule_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()


@table(
    Row(
        "existing-network-one-list-for-both",
        "target: {network: {private_subnet_ids: [subnet-0a1b2c3d4e5f67890, subnet-0a1b2c3d4e5f67891]}}",
        "target.network.private_subnet_ids",
        "names a subnet of public_subnet_ids: a subnet is one or the other",
        fix="edit",
        editor=False,
    ),
    Row(
        "existing-network-with-cidr",
        "target: {network: {cidr: 10.0.0.0/21}}",
        "target.network.cidr",
        "there is no such key; it belongs to kind own",
        fix="remove",
    ),
    Row(
        "subnet-id-of-something-else",
        "target: {network: {public_subnet_ids: [vpc-0a1b2c3d4e5f67890, subnet-0a1b2c3d4e5f67891]}}",
        "target.network.public_subnet_ids[0]",
        "must be the id of a subnet",
        "subnet-0a1b2c3d4e5f67890",
        editor=False,
    ),
    Row(
        "existing-network-with-nat-per-zone",
        "target: {egress: nat_per_zone}",
        "target.egress",
        "nat_per_zone is for a network of the stack's own",
        "nat",
        editor=False,
    ),
    target=EXISTING,
)
def test_what_breaks_a_rule_of_an_existing_network_is_refused(row: Row) -> None:
    """Each broken rule is told by its key, with an example and the command that fixes it."""
    row.check()
