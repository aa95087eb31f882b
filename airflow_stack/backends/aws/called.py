"""What Pulumi calls while it deploys."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Called:
    """Functions of the layer above, which hands them over, each as ``module:function``.

    A provider of Pulumi's is pickled into the state, and runs in a process of its own: a name is all that it can be
    given, and it is an input of the resource, so that another one runs it again.
    """

    attach: str
    """Attaches the capacity providers of a new cluster: see `capacity`."""
    push: str
    """Builds and pushes an image: see `push_provider`."""
    run: str
    """Runs a task of ECS to its end: see `task_provider`."""
    settle: str
    """Waits for the services: see `rollout`."""
    forget: str
    """Cleans up behind them when the stack is destroyed."""
