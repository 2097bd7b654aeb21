"""docs/operating.md: what it tells a person to do has the effect that it promises."""

import re
import sys
from collections.abc import Iterator
from textwrap import dedent

import pytest

from local.aws import ROOT
from tests.bot import BotUnderTest
from tests.clock import Clock
from tests.tables import LocalTable

OPERATING = (ROOT / "docs/operating.md").read_text()
RESTORED = "batchbell-search-restored"
HOUR_S = 3600


@pytest.fixture
def bot(clock: Clock, table: LocalTable) -> Iterator[BotUnderTest]:
    with BotUnderTest(clock, table) as bot:
        yield bot


def test_a_restored_table_is_copied_back_and_then_no_end_is_missing(
    bot: BotUnderTest, table: LocalTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = (bot.openai.add()["id"] for _ in range(3))
    bot.tick()
    bot.openai.move(first, "failed")
    bot.tick()
    table.copy_to(RESTORED)
    bot.openai.move(second, "failed")
    bot.tick()
    [copying] = re.findall("<<'PYTHON'\n(.+?)\n +PYTHON", OPERATING, re.DOTALL)
    monkeypatch.setattr(sys, "argv", ["-", RESTORED, table.name])

    exec(compile(dedent(copying), "docs/operating.md", "exec"), {})
    bot.openai.move(third, "failed")
    bot.tick(times=3, after_s=HOUR_S)

    assert set(bot.announced()) == {f"{each}#failed" for each in (first, second, third)}


def test_every_section_that_is_linked_to_is_there() -> None:
    headings = re.findall("^#+ (.+)$", OPERATING, re.MULTILINE)
    anchors = {re.sub("[^a-z0-9 -]", "", each.lower()).replace(" ", "-") for each in headings}

    assert set(re.findall(r"\]\(#(.+?)\)", OPERATING)) <= anchors


def test_every_step_names_the_region_as_sam_and_boto3_read_it() -> None:
    paths = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / ".github").rglob("*.yml")]
    texts = {
        path.name: re.sub(r"(Unset|unset)\s`AWS_REGION`|sets AWS_REGION too", "", path.read_text()) for path in paths
    }

    assert [name for name, text in texts.items() if "AWS_REGION" in text] == []
    naming = {"README.md", "operating.md", "deploying-from-github.md", "ci.yml"}
    assert {name for name, text in texts.items() if "AWS_DEFAULT_REGION" in text} == naming
