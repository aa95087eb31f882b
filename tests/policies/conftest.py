"""The pack is no package of the project: it has an environment of its own. Its rules need none."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "policies"))
