"""The stand-in as a plugin, which Pulumi's engine starts as ``pulumi-resource-aws`` and speaks to by gRPC.

Run as a module: it prints its port, and serves until the engine ends it. AWS_ENDPOINT_URL says where moto is.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from concurrent import futures
from typing import Any

import grpc
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from aws.standin import UNKNOWN, PartialError, StandIn
from aws.translate.kind import RefusedError
from aws.wire import packed, plain

VERSION = "7.51.1"
# What the engine's own channel allows, too: container definitions and dashboards are long.
LIMIT = [("grpc.max_receive_message_length", 400 << 20), ("grpc.max_send_message_length", 400 << 20)]

NO_CREDENTIALS = """No valid credential sources found.
Please see https://www.pulumi.com/registry/packages/aws/installation-configuration/ for more information."""


def true(value: Any) -> bool:
    """A provider's setting: the engine sends booleans as text."""
    return str(value).lower() == "true"


class Plugin(provider_pb2_grpc.ResourceProviderServicer):
    """The calls of the engine, in the order of a resource's life."""

    def __init__(self) -> None:
        self.standin: StandIn | None = None

    # --- the plugin itself -------------------------------------------------------------------------------------------

    def Handshake(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802 - the protocol's
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "aws", "version": VERSION}))

    def Attach(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return empty_pb2.Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: ARG002, N802
        olds, _ = plain(request.old_inputs)
        news, _ = plain(request.news)
        changed = sorted(key for key in olds.keys() | news.keys() if olds.get(key) != news.get(key))
        # Another region is another provider: all that it has made would have to be made again.
        replaces = [key for key in changed if key == "region"]
        return _diff(changed, replaces, delete_first=False)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        settings, _ = plain(request.args)
        settings = {key: _parsed(value) for key, value in settings.items()}
        region = settings.get("region") or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if not region or region == UNKNOWN:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "missing region configuration")
        self._log_in(settings, context)
        tags = (settings.get("defaultTags") or {}).get("tags") or {}
        self.standin = StandIn(str(region), dict(tags))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def _log_in(self, settings: dict[str, Any], context: grpc.ServicerContext) -> None:
        """As pulumi-aws does, in a preview too: without any credentials it refuses, and it tries those it finds.

        Its ``validateCredentials`` and ``preConfigureCallback``: skipCredentialsValidation spares the call of STS, but
        the search for credentials is Terraform's own, and goes on.
        """
        if settings.get("accessKey"):
            os.environ["AWS_ACCESS_KEY_ID"] = settings["accessKey"]
            os.environ["AWS_SECRET_ACCESS_KEY"] = settings.get("secretKey") or ""
            if true(settings.get("skipCredentialsValidation")):
                return
        import boto3  # half of this process's start, and a preview does without it

        if boto3.Session(region_name="us-east-1").get_credentials() is None:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, NO_CREDENTIALS)
        if not true(settings.get("skipCredentialsValidation")):
            try:
                boto3.client("sts", region_name="us-east-1").get_caller_identity()
            except Exception as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"unable to validate AWS credentials.\n{error}")

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{request.tok}: the program calls a function of AWS")

    # --- resources ---------------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        olds, _ = plain(request.olds)
        news, secrets = plain(request.news)
        standin = self._configured(context)
        name = _name(request.urn)
        inputs = self._try(context, lambda: standin.checked(_type(request.urn), name, request.randomSeed, olds, news))
        return provider_pb2.CheckResponse(inputs=packed(inputs, secrets))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        olds, _ = plain(request.old_inputs)
        news, _ = plain(request.news)
        standin = self._configured(context)
        found = self._try(context, lambda: standin.difference(_type(request.urn), olds, news))
        return _diff(found.changed, found.replacing, found.delete_first)

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        inputs, secrets = plain(request.properties)
        standin = self._configured(context)
        type_ = _type(request.urn)
        secrets |= set(self._try(context, lambda: standin.kind(type_)).secret)
        if request.preview:
            return provider_pb2.CreateResponse(id="", properties=packed(_shown(inputs), secrets))
        identifier, outputs = self._try(context, lambda: standin.create(type_, _name(request.urn), inputs))
        return provider_pb2.CreateResponse(id=identifier, properties=packed(_shown(outputs), secrets))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        state, secrets = plain(request.properties)
        inputs, secret_inputs = plain(request.inputs)
        if not state:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "the program reads a resource that it has not made")
        standin = self._configured(context)
        found = self._try(context, lambda: standin.read(_type(request.urn), request.id, state))
        if found is None:
            return provider_pb2.ReadResponse()
        now = {key: found[key] if key in found and found[key] != state.get(key) else inputs[key] for key in inputs}
        return provider_pb2.ReadResponse(
            id=request.id, properties=packed(found, secrets), inputs=packed(now, secret_inputs)
        )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        olds, _ = plain(request.olds)
        inputs, secrets = plain(request.news)
        standin = self._configured(context)
        type_ = _type(request.urn)
        secrets |= set(standin.kind(type_).secret)
        if request.preview:
            return provider_pb2.UpdateResponse(properties=packed(olds | _shown(inputs), secrets))
        outputs = self._try(context, lambda: standin.update(type_, request.id, olds, inputs))
        return provider_pb2.UpdateResponse(properties=packed(_shown(outputs), secrets))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        state, _ = plain(request.properties)
        standin = self._configured(context)
        self._try(context, lambda: standin.delete(_type(request.urn), request.id, state))
        return empty_pb2.Empty()

    def _configured(self, context: grpc.ServicerContext) -> StandIn:
        if self.standin is None:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, "the provider is not configured")
            raise AssertionError
        return self.standin

    def _try(self, context: grpc.ServicerContext, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except RefusedError as error:
            context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except PartialError as error:
            failed = provider_pb2.ErrorResourceInitFailed(
                id=error.identifier, properties=packed(_shown(error.outputs), set()), reasons=[str(error)]
            )
            detail = any_pb2.Any()
            detail.Pack(failed)
            status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=str(error), details=[detail])
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
            context.abort(grpc.StatusCode.UNKNOWN, str(error))


def _type(urn: str) -> str:
    return urn.split("::")[2].rpartition("$")[2]


def _name(urn: str) -> str:
    return urn.split("::", 3)[3]


def _shown(properties: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key != "__defaults"}


def _parsed(value: Any) -> Any:
    """Settings of a provider come as JSON in text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        return json.loads(value)
    return value


def _diff(changed: list[str], replaces: list[str], delete_first: bool) -> Any:
    kinds = provider_pb2.PropertyDiff.Kind
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=changed,
        replaces=replaces,
        deleteBeforeReplace=delete_first,
        detailedDiff={
            key: provider_pb2.PropertyDiff(
                kind=kinds.UPDATE_REPLACE if key in replaces else kinds.UPDATE, inputDiff=True
            )
            for key in changed
        },
        hasDetailedDiff=True,
    )


def main() -> None:
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=LIMIT)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Plugin(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    signal.signal(signal.SIGINT, lambda *_: server.stop(grace=None))  # how the engine ends it
    server.wait_for_termination()


if __name__ == "__main__":
    main()
