"""One kind of resource: which calls of AWS its properties become, and what of the answers becomes outputs.

Names are matched by botocore's own description of a call: ``cidrBlock`` of Pulumi is ``CidrBlock`` of EC2. A property
that no call takes is an error, so nothing that the program says is lost here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from threading import Lock
from types import MappingProxyType
from typing import Any, ClassVar

import jmespath
from botocore.exceptions import ClientError

from aws.constraints import violations

Properties = dict[str, Any]
MARKS = ("__defaults",)
"""What the provider keeps among the inputs for itself."""
EVERYWHERE = ("tags", "tagsAll", "region")
"""Properties of every kind; tags have calls of their own."""


class RefusedError(Exception):
    """AWS, or its description of a call, does not take what the program says."""


class UnsettledError(Exception):
    """The resource is there, and never became what the program asks for. The provider keeps it, with the new values."""


def words(table: Mapping[str, str]) -> Mapping[str, str]:
    """A table that belongs to a kind and stays as it is."""
    return MappingProxyType(dict(table))


class Aws:
    """Clients of one region; the endpoint is boto3's, by AWS_ENDPOINT_URL."""

    def __init__(self, region: str) -> None:
        self.region = region
        self.calls: list[tuple[str, str, dict[str, Any]]] = []
        """Service, operation and parameters of all calls so far."""
        self._clients: dict[str, Any] = {}
        self._making = Lock()  # the engine asks for many resources at a time, and a session is for one thread

    @cached_property
    def _session(self) -> Any:
        # Not with the module: a preview asks AWS nothing, and waits for the plugin to start.
        import boto3

        return boto3.Session(region_name=self.region)

    def client(self, service: str) -> Any:
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._session.client(service)
            return self._clients[service]

    def call(self, service: str, operation: str, /, **parameters: Any) -> Any:
        """The answer. Raises RefusedError where a value is none that botocore's description of the call allows."""
        shape = self.shape(service, operation)
        broken = [text for name in parameters for text in self._violations(shape, name, parameters[name])]
        if broken:
            raise RefusedError(f"{service}.{operation}: {'; '.join(broken)}")
        self.calls.append((service, operation, parameters))
        return getattr(self.client(service), operation)(**parameters)

    def _violations(self, shape: Any, name: str, value: Any) -> Iterator[str]:
        return violations(shape.members[name], value, name) if shape and name in shape.members else iter(())

    def shape(self, service: str, operation: str) -> Any:
        """Of the input of an operation, given in snake case."""
        client = self.client(service)
        return client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape

    @cached_property
    def account(self) -> str:
        return str(self.call("sts", "get_caller_identity")["Account"])


class Inputs(dict[str, Any]):
    """Properties of a resource that remember which of them a call has taken."""

    def __init__(self, properties: Mapping[str, Any]) -> None:
        super().__init__({key: value for key, value in properties.items() if key not in MARKS and value is not None})
        self.used: set[str] = set(EVERYWHERE)

    def get(self, key: str, default: Any = None) -> Any:
        self.used.add(key)
        return super().get(key, default)

    def __getitem__(self, key: str) -> Any:
        self.used.add(key)
        return super().__getitem__(key)

    def unused(self) -> list[str]:
        return sorted(set(self) - self.used)


def stem(name: str) -> str:
    """``capacityProviderStrategies`` and ``capacity_provider_strategy`` are one name."""
    plain = re.sub(r"[^a-z0-9]", "", name.lower())
    return re.sub(r"ies$", "y", plain) if plain.endswith("ies") else re.sub(r"(?<=[^s])s$", "", plain)


def fitted(shape: Any, value: Any, rename: Mapping[str, str], where: str) -> Any:
    """``value`` in the shape that AWS describes. Raises RefusedError for what has no place in it."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        members = {stem(name): name for name in shape.members}
        result = {}
        for key, inner in value.items():
            name = members.get(stem(rename.get(f"{where}.{key}", key)))
            if name is None:
                raise RefusedError(f"{where}: {shape.name} of AWS has no {key}, but {', '.join(sorted(shape.members))}")
            if inner is not None:
                result[name] = fitted(shape.members[name], inner, rename, key)
        return result
    if kind == "list":
        values = value if isinstance(value, list) else [value]
        return [fitted(shape.member, inner, rename, where) for inner in values]
    if kind == "map" and isinstance(value, Mapping):
        return {key: fitted(shape.value, inner, rename, where) for key, inner in value.items()}
    if kind in ("integer", "long"):
        return int(value)
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() in ("true", "enabled")
    if kind == "string" and not isinstance(value, Mapping | list):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two values mean the same to AWS: sets have no order, JSON no layout, numbers no type."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and sorted(map(_sortable, one)) == sorted(map(_sortable, other))
    if isinstance(one, str) and isinstance(other, str) and one[:1] + other[:1] in ("{{", "[["):
        try:
            return bool(json.loads(one) == json.loads(other))
        except ValueError:
            return one == other
    return one == other or str(one).lower().rstrip(".") == str(other).lower().rstrip(".")


def _sortable(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def gone(error: ClientError) -> bool:
    code = error.response["Error"]["Code"]
    return bool(re.search(r"NotFound|NoSuch|NonExistent|DoesNotExist|EntityNotFound", code)) or (
        "not found" in error.response["Error"].get("Message", "").lower()
    )


class Kind:
    """A resource whose life is one call each: ``creates``, ``reads``, ``updates``, ``deletes``.

    Kinds with more to it override the methods. ``key`` is the parameter that takes the id.
    """

    type: ClassVar[str]
    service: ClassVar[str]
    creates: ClassVar[str] = ""
    identity: ClassVar[str] = ""
    """JMESPath of the id in the answer of ``creates``; a name with ``=`` is a property."""
    reads: ClassVar[str] = ""
    item: ClassVar[str] = ""
    """JMESPath of the resource in the answer of ``reads``."""
    updates: ClassVar[str] = ""
    deletes: ClassVar[str] = ""
    key: ClassVar[str] = ""
    rename: ClassVar[Mapping[str, str]] = words({})
    """Where AWS has another word than the provider: within a property as ``property.name``."""
    outputs: ClassVar[Mapping[str, str]] = words({})
    """Computed outputs: JMESPath in ``item`` by property."""
    aside: ClassVar[tuple[str, ...]] = ()
    """Properties that steer the provider alone: no call takes them."""
    unread: ClassVar[tuple[str, ...]] = ()
    """Properties that moto gives back otherwise than it got them, or not at all."""
    replaces: ClassVar[tuple[str, ...]] = ()
    """Properties whose change makes a new resource, as in the provider's schema (ForceNew)."""
    secret: ClassVar[tuple[str, ...]] = ()
    """Properties that the provider's schema calls sensitive."""
    named: ClassVar[tuple[str, int]] = ("", 0)
    """Property that the provider makes up a name for, and how long that may be."""
    tagged: ClassVar[bool] = False
    tag_type: ClassVar[str] = ""
    """EC2's word for this kind among the tags."""

    def create(self, aws: Aws, inputs: Inputs) -> str:
        parameters = self.fit(aws, self.creates, inputs)
        parameters.update(self.tags_for(aws, self.creates, inputs.get("tagsAll") or {}))
        answer = aws.call(self.service, self.creates, **parameters)
        if self.identity.startswith("="):
            return str(inputs[self.identity[1:]])
        return str(jmespath.search(self.identity, answer))

    def settle(self, aws: Aws, identifier: str, inputs: Inputs) -> None:
        """Calls after the creation, and at each update: what `creates` does not take."""

    def wait(self, aws: Aws, identifier: str, inputs: Properties) -> None:
        """After creation and update, what the provider waits for. Raises UnsettledError where that never comes."""

    def update(self, aws: Aws, identifier: str, old: Properties, new: Inputs) -> None:
        if self.updates:
            changed = {key: new[key] for key in new if key not in EVERYWHERE and not same(old.get(key), new[key])}
            new.used.update(new)
            if changed:
                parameters = self.fit(aws, self.updates, Inputs(changed), loose=True)
                aws.call(self.service, self.updates, **(self.identified(aws, self.updates, identifier) | parameters))

    def raw(self, aws: Aws, identifier: str, state: Properties) -> Any:
        """What AWS says about the resource; None where it is gone."""
        answer = aws.call(self.service, self.reads, **self.identified(aws, self.reads, identifier))
        return jmespath.search(self.item, answer)

    def computed(self, aws: Aws, identifier: str, raw: Any) -> Properties:
        found = {key: jmespath.search(path, raw) for key, path in self.outputs.items()}
        return {key: value for key, value in found.items() if value is not None}

    def delete(self, aws: Aws, identifier: str, state: Properties) -> None:
        if self.deletes:
            aws.call(self.service, self.deletes, **self.identified(aws, self.deletes, identifier))

    # --- what the methods are made of --------------------------------------------------------------------------------

    def fit(self, aws: Aws, operation: str, inputs: Inputs, *, loose: bool = False) -> dict[str, Any]:
        """Parameters of the call: the properties that it takes. ``loose`` ignores no property, but asks for none."""
        shape = aws.shape(self.service, operation)
        members = {stem(name): name for name in shape.members}
        parameters = {}
        for key in list(inputs):
            name = members.get(stem(self.rename.get(key, key)))
            if key in EVERYWHERE or key in self.aside or name is None:
                if loose and key not in (*EVERYWHERE, *self.aside) and name is None:
                    raise RefusedError(f"{self.type}: {operation} of AWS takes no {key}")
                continue
            parameters[name] = fitted(shape.members[name], inputs[key], self.rename, key)
        return parameters

    def identified(self, aws: Aws, operation: str, identifier: str) -> dict[str, Any]:
        members = aws.shape(self.service, operation).members
        name = next(name for name in members if stem(name) == stem(self.key))
        return {name: [identifier] if members[name].type_name == "list" else identifier}

    def tags_for(self, aws: Aws, operation: str, tags: Mapping[str, str]) -> dict[str, Any]:
        """The parameter that takes tags, in the form that this service has."""
        members = aws.shape(self.service, operation).members
        name = next((name for name in members if name.lower() in ("tags", "tagspecifications", "taglist")), None)
        if not self.tagged or not tags or name is None:
            return {}
        if name == "TagSpecifications":
            pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
            return {name: [{"ResourceType": self.tag_type, "Tags": pairs}]}
        if members[name].type_name == "map":
            return {name: dict(tags)}
        fields = {stem(field): field for field in members[name].member.members}
        key_name = fields.get("key") or fields["tagkey"]
        value_name = fields.get("value") or fields["tagvalue"]
        return {name: [{key_name: key, value_name: value} for key, value in tags.items()]}


def observed(raw: Any, state: Properties, rename: Mapping[str, str], unread: tuple[str, ...]) -> Properties:
    """Plain properties of ``state`` as AWS gives them back, where it does and they differ."""
    if not isinstance(raw, Mapping):
        return {}
    answered = {stem(key): value for key, value in raw.items()}
    found = {}
    for key, value in state.items():
        if key in unread or key in EVERYWHERE or isinstance(value, Mapping):
            continue
        given = answered.get(stem(rename.get(key, key)))
        if given is None or isinstance(given, Mapping) or isinstance(given, list) != isinstance(value, list):
            continue
        if isinstance(given, list) and any(isinstance(one, Mapping | list) for one in [*given, *value]):
            continue
        if not same(given, value):
            found[key] = given
    return found
