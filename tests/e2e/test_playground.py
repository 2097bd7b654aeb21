"""The playground's page in a browser: the whole stack, as a person sees and works it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import chromium, screenshot
from local.aws import ROOT
from local.chromium import Page, browser
from local.openai_rows import counts
from local.openai_simulator import OpenAISimulator
from local.playground import furnish, served
from local.slack_simulator import SlackSimulator
from local.team import Team

pytestmark = pytest.mark.skipif(chromium.PROGRAM is None, reason=chromium.HOW_TO_INSTALL)


@pytest.fixture(scope="module")
def url(team: Team, openai: OpenAISimulator, slack: SlackSimulator) -> Iterator[str]:
    furnish(openai)
    with served(team, openai, slack, patience_s=30) as url:
        yield url


@pytest.fixture(scope="module")
def tab() -> Iterator[Page]:
    with browser() as page:
        yield page


@pytest.fixture
def page(tab: Page, url: str) -> Iterator[Page]:
    """The page, newly opened; it must not complain of anything."""
    tab.open(url)
    tab.wait_for("document.querySelector('#hints button') && document.querySelector('#said li')")
    yield tab
    assert tab.complaints == []


def type_line(page: Page, text: str) -> None:
    page.click("#line")
    page.type(text)
    page.enter()


def press(page: Page, label: str) -> None:
    """Press a button of the last answer."""
    page.value(f"[...{ANSWER}.querySelectorAll('button')].find(b => b.innerText.includes({label!r})).click()")


def says(text: str) -> str:
    return f"document.querySelector('#log').innerText.includes({text!r})"


ANSWER = "[...document.querySelectorAll('#log .ephemeral')].at(-1)"


def ask(page: Page, command: str) -> None:
    """Type a command, and wait for its answer."""
    answers = "document.querySelectorAll('#log .ephemeral').length"
    before = page.value(answers)
    type_line(page, command)
    page.wait_for(f"{answers} > {before}", 40)


def test_a_message_appears_when_a_batch_ends(page: Page, openai: OpenAISimulator) -> None:
    row = openai.add("in_progress", metadata={"description": "Alt texts"}, request_counts=counts(90, 40, 0))
    page.wait_for(f"document.querySelector('[data-key={row['id']}]')")

    page.value(f"document.querySelector('[data-key={row['id']}] [data-element=complete]').click()")

    page.wait_for(says("Alt texts completed: all 90 requests succeeded."))
    bar = "[...document.querySelectorAll('#log .attachment')].at(-1)"
    assert page.value(f"getComputedStyle({bar}).borderLeftColor") == "rgb(46, 182, 125)"


def test_a_slash_command_answers_its_asker_alone(page: Page, openai: OpenAISimulator, team: Team) -> None:
    openai.add("failed", metadata={"name": "Asked about"})
    team.tick()

    ask(page, "/batches")

    answer = page.value(f"{ANSWER}.innerText")
    assert answer.startswith("👁 Only visible to you")
    assert "Asked about" in answer


def test_older_and_newer_replace_the_rows_where_they_stand(page: Page) -> None:
    ask(page, "/batches")
    shown, count = (
        f"{ANSWER}.querySelector('.said').innerText",
        "document.querySelectorAll('#log > li').length",
    )
    first, before = page.value(shown), page.value(count)

    press(page, "Older")
    page.wait_for(f"{shown} !== {json.dumps(first)}")
    older = page.value(shown)
    press(page, "Newer")
    page.wait_for(f"{shown} !== {json.dumps(older)}")

    assert page.value(count) == before


def test_a_forged_command_is_refused(page: Page) -> None:
    page.click("#forge")

    page.wait_for("document.querySelector('#forged').innerText.includes('401: refused')")


def test_the_outbox_fills_while_slack_is_down_and_empties_itself(page: Page, openai: OpenAISimulator) -> None:
    page.click("[data-break=slack]")
    page.wait_for("document.querySelector('[data-break=slack]').ariaPressed === 'true'")
    openai.add("failed", metadata={"description": "Weekly report"})
    page.click("#tick")
    page.wait_for("document.querySelector('#outbox').innerText.includes('Weekly report')")

    page.click("[data-break=slack]")

    page.wait_for(says("Weekly report failed"), 90)
    page.wait_for("document.querySelectorAll('#outbox li').length === 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_narrow_window_needs_no_scrolling_sideways(tab: Page, url: str, scheme: str) -> None:
    tab.open(url, 375, 700, scheme=scheme)
    tab.wait_for("document.querySelector('#log > li')")

    widest = tab.value(
        "Math.max(...[...document.querySelectorAll('*')].map(e => e.getBoundingClientRect().right))"
    )

    assert tab.value("document.documentElement.scrollWidth") == 375
    assert widest <= 375


def test_markup_is_drawn_and_never_run(page: Page) -> None:
    drawn = """(async () => {
      const { drawMrkdwn, h } = await import("/mrkdwn.js");
      return h("p", {}, drawMrkdwn(%r)).innerHTML;
    })()"""
    said = {
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

    assert {text: page.value(drawn % text) for text in said} == said


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
        told = next(line for line in started.stdout if "the playground is at http://127.0.0.1:" in line)
        started.send_signal(signal.SIGINT)
        rest, _ = started.communicate(timeout=60)
    finally:
        started.kill()
        started.wait()

    assert told.endswith("until Ctrl-C\n")
    assert (started.returncode, rest) == (0, "stopped\n")


def test_the_readmes_picture_can_be_taken(tmp_path: Path) -> None:
    picture = tmp_path / "playground.png"

    screenshot.main(picture)

    assert picture.read_bytes().startswith(b"\x89PNG")
