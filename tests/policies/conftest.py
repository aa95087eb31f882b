"""The pack is no package of the project: it has an environment of its own. Its rules need none."""

from __future__ import annotations

import sys
from pathlib import Path

from backends.conftest import event_loop_for_pulumi

__all__ = ["event_loop_for_pulumi"]

sys.path.insert(0, str(Path(__file__).parents[2] / "policies"))
