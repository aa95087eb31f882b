"""What a rehearsal calls its containers: another one's are not removed with them."""

from __future__ import annotations

import re
from pathlib import Path

from airflow_stack.rehearsal.rehearse import name_of


def test_two_clones_rehearse_one_stack_side_by_side(tmp_path: Path) -> None:
    """Rule: the name tells the directory, is the same again for the same one, and is a host name."""
    names = [name_of(tmp_path / directory, "airflow", "prod") for directory in ("one", "two", "one")]
    assert names[0] == names[2] != names[1]
    assert all(re.fullmatch(r"[a-z0-9-]{1,50}", name) for name in names)
