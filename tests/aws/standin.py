"""What pulumi-aws does between the engine and AWS: names, default tags, differences, and the life of a resource."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, ParamValidationError

from aws.translate import KINDS
from aws.translate.kind import MARKS, Aws, Inputs, Kind, Properties, RefusedError, UnsettledError, gone, observed, same
from aws.translate.tagging import retag

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The protocol's word for a value that a preview does not know (pulumi.runtime.rpc.UNKNOWN)."""


def unknown(value: Any) -> bool:
    """Whether a value is not known yet, or a part of it."""
    if isinstance(value, Mapping):
        return any(unknown(inner) for inner in value.values())
    return any(unknown(inner) for inner in value) if isinstance(value, list) else value == UNKNOWN


@dataclass(frozen=True)
class Difference:
    """What an update would change."""

    changed: list[str]
    replacing: list[str]
    delete_first: bool


class PartialError(Exception):
    """AWS has the resource, but not as it was asked for; the engine is told of both (ErrorResourceInitFailed)."""

    def __init__(self, identifier: str, outputs: Properties, reason: str) -> None:
        super().__init__(reason)
        self.identifier, self.outputs = identifier, outputs


@dataclass
class StandIn:
    """pulumi-aws of one region. Errors of AWS are RefusedError, with the resource's type and the call."""

    region: str
    default_tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.aws = Aws(self.region)

    def kind(self, type_: str) -> Kind:
        if type_ not in KINDS:
            raise RefusedError(f"the stand-in for pulumi-aws has no {type_}: add it to tests/aws/translate")
        return KINDS[type_]

    def checked(self, type_: str, name: str, seed: bytes, olds: Properties, news: Properties) -> Properties:
        """The inputs with what the provider fills in: a name where none is given, and all tags."""
        kind = self.kind(type_)
        inputs = {key: value for key, value in news.items() if value is not None and key not in MARKS}
        property_, longest = kind.named
        if property_ and property_ not in inputs:
            before = olds.get(property_) if property_ in olds.get("__defaults", []) else None
            prefix = inputs.get(f"{property_}Prefix")
            if prefix is None:
                inputs[property_] = before or made_up(f"{name}-", longest, seed)
                inputs["__defaults"] = [property_]
            else:
                # The upstream provider makes this name up when it creates; it is no input.
                inputs.pop(property_, None)
        if kind.tagged:
            own = inputs.get("tags") or {}
            inputs["tagsAll"] = UNKNOWN if unknown(own) else {**self.default_tags, **own}
        return inputs

    def difference(self, type_: str, olds: Properties, news: Properties) -> Difference:
        """``olds`` and ``news`` are inputs."""
        kind = self.kind(type_)
        keys = sorted((olds.keys() | news.keys()) - {*MARKS, "tags"})
        changed = [key for key in keys if unknown(news.get(key)) or not same(olds.get(key), news.get(key))]
        forcing = kind.forces(olds, news) if hasattr(kind, "forces") else kind.replaces
        mere = {"tagsAll", *kind.aside}
        replacing = [key for key in changed if key in forcing or ("*" in forcing and key not in mere)]
        property_ = kind.named[0]
        own_name = bool(property_) and property_ in news and property_ not in news.get("__defaults", [])
        return Difference(changed, replacing, bool(replacing) and own_name and property_ not in changed)

    def create(self, type_: str, name: str, inputs: Properties) -> tuple[str, Properties]:
        kind = self.kind(type_)
        given = Inputs(inputs)
        property_, longest = kind.named
        prefix = given.get(f"{property_}Prefix") if property_ else None
        if prefix is not None:
            given[property_] = made_up(prefix, longest, name.encode() + str(id(given)).encode())
            given.pop(f"{property_}Prefix")
        with_name = {property_: given[property_]} if prefix is not None else {}
        with Explained(type_):
            identifier = kind.create(self.aws, given)
            kind.settle(self.aws, identifier, given)
            if unused := given.unused():
                raise RefusedError(
                    f"nothing is made of {', '.join(unused)}: properties that the stand-in does not know"
                )
            self._wait(kind, identifier, given, {**_plain(inputs), **with_name})
            return identifier, self._outputs(kind, identifier, {**_plain(inputs), **with_name})

    def _wait(self, kind: Kind, identifier: str, inputs: Properties, asked: Properties) -> None:
        """What is kept after a failure is what was asked for, not what AWS has: the provider does not read it again."""
        try:
            kind.wait(self.aws, identifier, inputs)
        except UnsettledError as error:
            known = kind.computed(self.aws, identifier, kind.raw(self.aws, identifier, asked))
            raise PartialError(identifier, {"region": self.region} | known | asked, str(error)) from error

    def update(self, type_: str, identifier: str, olds: Properties, inputs: Properties) -> Properties:
        kind = self.kind(type_)
        # What the provider has made up is no input of the program's.
        kept = {key: olds[key] for key in kind.named[:1] if key and key in olds}
        given = Inputs({**kept, **inputs})
        given.get(f"{kind.named[0]}Prefix")
        with Explained(type_):
            before = {key: value for key, value in olds.items() if key not in MARKS}
            if any(not same(before.get(key), given.get(key)) for key in set(given) - {"tags", "tagsAll"}) or (
                set(_plain(inputs)) ^ (set(before) & set(_plain(inputs)))
            ):
                kind.update(self.aws, identifier, before, given)
                kind.settle(self.aws, identifier, given)
                self._wait(kind, identifier, given, {**kept, **_plain(inputs)})
            retag(self.aws, kind, identifier, before, inputs)
            return self._outputs(kind, identifier, {**kept, **_plain(inputs)})

    def read(self, type_: str, identifier: str, state: Properties) -> Properties | None:
        """The resource's properties as AWS has them now; None where it is gone."""
        kind = self.kind(type_)
        with Explained(type_):
            try:
                raw = kind.raw(self.aws, identifier, state)
            except ClientError as error:
                if gone(error):
                    return None
                raise
            if raw is None:
                return None
            found = observed(raw, state, kind.rename, kind.unread) | kind.computed(self.aws, identifier, raw)
            return state | {key: value for key, value in found.items() if not same(state.get(key), value)}

    def delete(self, type_: str, identifier: str, state: Properties) -> None:
        kind = self.kind(type_)
        with Explained(type_):
            try:
                kind.delete(self.aws, identifier, state)
            except ClientError as error:
                if not gone(error):
                    raise

    def _outputs(self, kind: Kind, identifier: str, inputs: Properties) -> Properties:
        raw = kind.raw(self.aws, identifier, inputs)
        if raw is None:
            raise RefusedError(f"{identifier} is not there after its creation")
        if differing := observed(raw, inputs, kind.rename, kind.unread):
            asked = {key: inputs[key] for key in differing}
            raise RefusedError(f"{identifier}: asked for {asked}, AWS says {differing}")
        return inputs | {"region": self.region} | kind.computed(self.aws, identifier, raw)


class Explained:
    """Says of which resource an error of AWS is."""

    def __init__(self, type_: str) -> None:
        self._type = type_

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ClientError | ParamValidationError | RefusedError):
            text = str(error)
            raise RefusedError(text if text.startswith(self._type) else f"{self._type}: {text}") from error


def made_up(prefix: str, longest: int, seed: bytes) -> str:
    """The name that the provider gives: seven digits after the prefix, which is cut where it is too long."""
    return prefix[: longest - 7] + hashlib.sha256(seed).hexdigest()[:7]


def _plain(properties: Properties) -> Properties:
    return {key: value for key, value in properties.items() if key not in MARKS}
