"""What Pulumi calls for a `PushedImage`, by reference from its pickle and in a process of its own.

Every preview starts that process: nothing that takes long to import is imported here, nor in a package above.
"""

from __future__ import annotations

import importlib
from typing import Any

from pulumi.dynamic import CreateResult, DiffResult, ResourceProvider


class PushProvider(ResourceProvider):
    """Builds and pushes at an update. A preview calls nothing of it but `diff`, which compares strings."""

    # There is no secret in it, and a string that is none shows nothing as [secret] in every preview.
    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """The tag is a hash of the content: neither the directory nor what builds it makes another image."""
        keys = ("repository_url", "tag", "platform")
        changed = [key for key in keys if _olds.get(key) != _news.get(key)]
        return DiffResult(changes=bool(changed), replaces=changed)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Push, and keep the digest. Raises what ``function`` raises; the update ends with it."""
        module, _, function = str(props["function"]).partition(":")
        digest = getattr(importlib.import_module(module), function)(props)
        outputs = {key: value for key, value in props.items() if key != "__provider"}
        reference = f"{props['repository_url']}@{digest}"
        return CreateResult(reference, outputs | {"digest": digest, "reference": reference})

    # There is no delete: a running task, or the one that a failed deployment goes back to, may still need the image.
    # The repository's lifecycle policy removes it.
