"""Links and pictures of the pages lead somewhere, and every page can be found."""

from __future__ import annotations

import pytest

from docs.markdown import PAGES, ROOT, Link, anchors, links

EVERYTHING = (*PAGES, *sorted((ROOT / "docs" / "decisions").glob("*.md")))
LOCAL = [link for page in EVERYTHING for link in links(page) if "://" not in link.target]


@pytest.mark.parametrize("link", LOCAL, ids=str)
def test_it_leads_somewhere(link: Link) -> None:
    """Rule: the file is there, and the heading in it."""
    path, _, anchor = link.target.partition("#")
    target = (link.page.parent / path).resolve() if path else link.page
    assert target.exists(), f"{link}: there is no {path}"
    assert target.is_relative_to(ROOT)
    if anchor:
        assert anchor in anchors(target), f"{link}: {path} has no such heading: {sorted(anchors(target))}"


def test_every_page_is_found_from_the_readme() -> None:
    """Rule: one who has read README.md knows of each page, and each picture is on one."""
    targets = {(link.page.parent / link.target.partition("#")[0]).resolve() for link in LOCAL}
    of_readme = {(ROOT / link.target.partition("#")[0]).resolve() for link in links(ROOT / "README.md")}
    assert [page.name for page in PAGES[1:] if page not in of_readme] == []
    assert [image.name for image in (ROOT / "docs" / "images").iterdir() if image not in targets] == []
