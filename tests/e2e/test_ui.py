"""What a person sees: Airflow's UI in a browser, through nginx."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from e2e.session import ROOT
from e2e.stack import Stack

DAG = "example_workers"
SCREENSHOT = ROOT / "docs" / "images" / "airflow-ui.png"
RUN_ENDS_WITHIN = 120_000


@pytest.fixture
def page(composed: Stack, browser: Browser, artifacts: Path) -> Iterator[Page]:
    """A browser that has logged in with the form."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(composed.url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(composed.secrets()["values/admin_password"])
    page.get_by_role("button", name="Sign In").click()
    page.wait_for_url("**/home")
    yield page
    page.screenshot(path=artifacts / "last-page.png")
    context.close()


def test_a_wrong_password_is_refused(composed: Stack, browser: Browser) -> None:
    """The form lets in whom it should, and nobody else."""
    page = browser.new_page()
    page.goto(composed.url)
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign In").click()
    expect(page.get_by_text("Invalid login")).to_be_visible()
    assert "/login" in page.url
    page.close()


def test_a_run_is_triggered_seen_to_succeed_and_its_log_read(page: Page, composed: Stack, artifacts: Path) -> None:
    """The whole way of a user: trigger a DAG, see it turn green, open a task's log and find the task's own line."""
    page.get_by_role("link", name=DAG, exact=True).click()
    page.wait_for_url(f"**/dags/{DAG}/**")
    page.get_by_label("Trigger DAG").click()
    page.wait_for_url("**dag_run_id=manual**")
    status = page.locator("tr", has_text=re.compile("^Status")).last
    refreshed_until(page, status, "success")
    run = page.get_by_test_id("run").last
    green = run.locator("xpath=ancestor-or-self::*").evaluate_all(
        "elements => elements.some(element => getComputedStyle(element).backgroundColor === 'rgb(0, 128, 0)')"
    )
    assert green, "the run's bar is not green"
    page.goto(page.url)  # without the notice of the trigger
    page.get_by_role("tab", name="Graph").click()
    expect(page.locator(".react-flow__node", has_text="where").first).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=artifacts / "grid.png")

    page.get_by_test_id("every_worker_took_one").locator("xpath=ancestor::tr").get_by_test_id(
        "task-instance"
    ).last.click()
    page.get_by_role("tab", name="Logs").click()
    line = page.get_by_text(f"Returned value was: ['{composed.container('worker-1')}'")
    expect(line.first).to_be_visible()
    page.screenshot(path=artifacts / "log.png")

    page.goto(f"{composed.url}/home")
    expect(page.get_by_role("link", name=DAG, exact=True)).to_be_visible()
    expect(page.locator("svg circle[stroke], svg g[title]").first).to_be_attached()
    page.wait_for_load_state("networkidle")
    page.screenshot(path=artifacts / "dags.png")
    if os.environ.get("UPDATE_SCREENSHOT"):
        SCREENSHOT.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(artifacts / "grid.png", SCREENSHOT)


def refreshed_until(page: Page, place: Locator, text: str) -> None:
    """The grid refreshes itself while a run goes on."""
    expect(page.get_by_test_id("run").last).to_be_visible()
    expect(place).to_contain_text(text, timeout=RUN_ENDS_WITHIN)


def test_gzip_and_headers(page: Page, composed: Stack) -> None:
    """nginx compresses what it passes on, and Airflow's redirects name the address that the browser knows."""
    answer = page.request.get(f"{composed.url}/home", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    redirect = page.request.get(f"{composed.url}/", max_redirects=0)
    assert redirect.status in (301, 302, 308)
    assert redirect.headers["location"] in ("/home", f"{composed.url}/home")
