"""The playground's page in a browser: the whole stack, as a person sees and uses it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from local.aws import ROOT
from local.browser import CHROMIUM, HOW_TO_INSTALL, browser
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.playground import add_sample_batches, served
from local.slack_rules import error_for, shown_content
from local.slack_simulator import BOT_ID, SlackSimulator
from local.team import Team
from tests.slack_app import overflow, plain, section

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason=HOW_TO_INSTALL)

SLOW_MS = 90_000
expect.set_options(timeout=40_000)


@pytest.fixture(scope="module")
def url(team: Team, openai: OpenAISimulator, slack: SlackSimulator) -> Iterator[str]:
    add_sample_batches(openai)
    with served(team, openai, slack, patience_s=30) as url:
        yield url


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page, url: str) -> Iterator[Page]:
    """The page, newly opened; it must not log an error or a warning."""
    complaints: list[str] = []
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("console", lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None)
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(url)
    expect(tab.locator("#hints button").first).to_be_visible()
    expect(tab.locator("#bot-log li").first).to_be_attached()
    yield tab
    assert complaints == []


def ask(page: Page, command: str) -> None:
    """Type a command, and wait for its answer."""
    before = page.locator(".ephemeral").count()
    page.fill("#line", command)
    page.press("#line", "Enter")
    expect(page.locator(".ephemeral")).to_have_count(before + 1)


def test_a_message_appears_when_a_batch_ends(page: Page, openai: OpenAISimulator) -> None:
    openai.add("in_progress", metadata={"description": "Alt texts"}, request_counts=counts(90, 40, 0))

    page.get_by_label("Complete: Alt texts").click()

    message = page.locator("article", has_text="Alt texts succeeded")
    expect(message.locator(".section")).to_contain_text("90 requests")


def test_a_slash_command_answers_its_author_alone(page: Page, openai: OpenAISimulator, team: Team) -> None:
    openai.add("failed", metadata={"name": "Asked about"})
    team.tick()

    ask(page, "/batches")

    expect(page.locator(".ephemeral").last).to_contain_text("Only visible to you")
    expect(page.locator(".ephemeral").last).to_contain_text("Asked about")


def test_older_and_newer_replace_the_rows_in_their_message(page: Page) -> None:
    ask(page, "/batches")
    answer, messages = page.locator(".ephemeral .content").last, page.locator("#log > li").count()
    first = answer.inner_text()

    answer.get_by_role("button", name="Older").click()
    expect(answer).not_to_have_text(first, use_inner_text=True)
    older = answer.inner_text()
    answer.get_by_role("button", name="Newer").click()
    expect(answer).not_to_have_text(older, use_inner_text=True)

    assert page.locator("#log > li").count() == messages


def post(slack: SlackSimulator, title: str, batch_id: str, url: str) -> None:
    """Let the bot post two lines with a menu, and a button that is a link."""
    options = (
        {"text": plain("Details"), "value": f"batch {batch_id}"},
        {"text": plain("Open in OpenAI"), "value": "link", "url": url},
    )
    link = {"type": "button", "action_id": "open", "text": plain("Open"), "url": url, "accessibility_label": "Open it"}
    blocks = (
        section(f":white_check_mark: *{title}* succeeded\n500 requests · 15 min", accessory=overflow(*options)),
        {"type": "actions", "elements": [link]},
    )
    message = {"text": title, "blocks": blocks}
    assert error_for(message) is None
    slack.say(bot_id=BOT_ID, **shown_content(message))


def test_a_menu_opens_and_closes_by_keyboard_and_its_details_are_for_one_person(
    page: Page, slack: SlackSimulator, openai: OpenAISimulator, team: Team
) -> None:
    batch = openai.add("failed", metadata={"name": "Asked by menu"})
    team.tick()
    post(slack, "By keyboard", batch["id"], "https://x.example/")
    answers = page.locator(".ephemeral").count()
    message = page.locator("article", has_text="By keyboard")
    more, details = message.get_by_label("More actions"), message.get_by_role("button", name="Details")

    more.press("Enter")
    expect(details).to_be_visible()
    details.press("Escape")
    expect(details).to_be_hidden()
    expect(more).to_be_focused()
    more.press("Enter")
    details.press("Enter")

    expect(details).to_be_hidden()
    expect(page.locator(".ephemeral")).to_have_count(answers + 1)
    expect(page.locator(".ephemeral").last).to_contain_text("Asked by menu")
    expect(message).to_have_count(1)


def test_a_link_opens_in_a_new_window(page: Page, slack: SlackSimulator, url: str) -> None:
    post(slack, "With links", "batch_1", f"{url}/icon.svg")
    message = page.locator("article", has_text="With links")

    with page.context.expect_page() as from_button:
        message.get_by_label("Open it").click()
    message.get_by_label("More actions").click()
    with page.context.expect_page() as from_menu:
        message.get_by_role("button", name="Open in OpenAI").click()

    for opened in (from_button.value, from_menu.value):
        opened.wait_for_url(f"{url}/icon.svg")
        opened.close()


def test_a_press_that_fails_is_shown_at_its_message(page: Page, slack: SlackSimulator) -> None:
    post(slack, "Failing", "batch_1", "https://x.example/")
    page.route("**/do/press", lambda route: route.fulfill(json={"error": "http_client_error"}))
    message = page.locator("article", has_text="Failing")

    message.get_by_label("More actions").click()
    message.get_by_role("button", name="Details").click()

    expect(message.get_by_role("alert")).to_contain_text("http_client_error")
    page.unroute("**/do/press")


def test_on_a_phone_a_menu_stands_beside_its_two_lines(page: Page, slack: SlackSimulator) -> None:
    post(slack, "On a phone", "batch_1", "https://x.example/")
    page.set_viewport_size({"width": 390, "height": 700})
    message = page.locator("article", has_text="On a phone")

    box = "each => { const { x, y, right, height } = each.getBoundingClientRect(); return { x, y, right, height } }"
    text, more = message.locator(".section p").evaluate(box), message.get_by_label("More actions").evaluate(box)

    assert (text["height"], text["y"]) == (44, more["y"])
    assert text["right"] <= more["x"]
    assert message.evaluate("each => each.offsetHeight") < 150
    message.get_by_label("More actions").click()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_forged_command_is_rejected(page: Page) -> None:
    page.click("#forge")

    expect(page.locator("#forged")).to_contain_text("401: refused")


def test_the_outbox_fills_while_slack_is_down_and_then_empties(page: Page, openai: OpenAISimulator) -> None:
    slack_is_down = page.locator("[data-break=slack]")
    slack_is_down.click()
    expect(slack_is_down).to_have_attribute("aria-pressed", "true")
    openai.add("failed", metadata={"description": "Weekly report"})
    page.click("#tick")
    expect(page.locator("#outbox")).to_contain_text("Weekly report")

    slack_is_down.click()

    expect(page.locator("#log")).to_contain_text("Rejected: Weekly report", timeout=SLOW_MS)
    expect(page.locator("#outbox li")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_needs_no_scrolling_sideways(page: Page, scheme: str) -> None:
    page.set_viewport_size({"width": 375, "height": 700})
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")

    widest = page.evaluate("Math.max(...[...document.querySelectorAll('*')].map(e => e.getBoundingClientRect().right))")

    assert page.evaluate("document.documentElement.scrollWidth") == 375
    assert widest <= 375


def test_markup_is_drawn_and_never_run(page: Page) -> None:
    drawn = """async (text) => {
      const { drawMrkdwn, h } = await import("/mrkdwn.js");
      return h("p", {}, drawMrkdwn(text)).innerHTML;
    }"""
    expected = {
        "*bold* _it_ ~no~ `a*b*`": "<b>bold</b> <i>it</i> <s>no</s> <code>a*b*</code>",
        "&lt;img src=x onerror=alert(1)&gt; &amp;lt;": "&lt;img src=x onerror=alert(1)&gt; &amp;lt;",
        "<javascript:alert(1)|click>": "<span>click</span>",
        "<!channel> :x: :unheard_of: a_b_c 2*3*4": (
            '<span class="mention">@channel</span> ❌ :unheard_of: a_b_c 2*3*4'
        ),
        "<https://x.example/?a=1&amp;b=2|*R&amp;D*>": (
            '<a href="https://x.example/?a=1&amp;b=2" target="_blank" rel="noreferrer"><b>R&amp;D</b></a>'
        ),
    }

    assert {text: page.evaluate(drawn, text) for text in expected} == expected


def test_make_playground_says_where_it_is_and_ends_at_ctrl_c() -> None:
    started = subprocess.Popen(
        [sys.executable, "-m", "local.playground"],
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert started.stdout
    try:
        line = next(line for line in started.stdout if "the playground is at http://127.0.0.1:" in line)
        started.send_signal(signal.SIGINT)
        rest, _ = started.communicate(timeout=60)
    finally:
        started.kill()
        started.wait()

    assert line.endswith("until Ctrl-C\n")
    assert (started.returncode, rest) == (0, "stopped\n")


def test_every_kind_of_message_is_drawn_for_a_phone(tmp_path: Path) -> None:
    # A process of its own: two of playwright's sync sessions cannot share a thread.
    command = [sys.executable, "-m", "local.screenshot", tmp_path / "pictures", tmp_path / "messages.png"]
    ran = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)

    _, table = ran.stdout.split("name | height px\n")
    names = [line.split(" | ")[0] for line in table.splitlines()]
    pictures = sorted((tmp_path / "pictures").iterdir())
    assert [each.stem for each in pictures] == names
    assert all(each.read_bytes().startswith(b"\x89PNG") for each in (*pictures, tmp_path / "messages.png"))
    assert {"succeeded", "digest", "possible-repeat", "error"} <= {name[3:] for name in names}
