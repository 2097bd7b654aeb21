"""Takes a picture of every kind of message and answer, from the real template with simulated OpenAI and Slack.

The batches are a made-up day of a team. What is on the pictures comes from the bot, drawn by the playground's page.
"""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator
from playwright.sync_api import Page as Tab

from local.aws import LocalAws, LocalAwsError
from local.browser import CHROMIUM, HOW_TO_INSTALL, browser
from local.openai_rows import Row, counts, errors
from local.openai_simulator import OpenAISimulator
from local.playground import Bot
from local.playground_server import COMMAND, Page, PageServer
from local.slack_faults import REPLY_LOST
from local.slack_simulator import CHANNEL, Person, SlackSimulator
from local.team import Team, deploy

WIDTH = 390
"""A phone's, in CSS pixels."""
PATIENCE_S = 30
"""How long the app may take to answer, on a slow machine too."""
MINUTE_S, HOUR_S = 60, 3600
SHARDS = 30
PARTLY_FAILED, REJECTED = "Moderation backlog", "Product tags"
IN_README = ("succeeded", "partly failed", "expired")
_BAD_LINES = (
    ("invalid_json_line", "This line is not valid JSON."),
    ("duplicate_custom_id", "The custom_id 'row-1' occurs twice."),
    ("url_mismatch", "The url is not the batch's endpoint, '/v1/chat/completions'."),
    ("model_mismatch", "The model is not that of the first request, 'gpt-4o-mini'."),
)


def main(folder: Path, readme_picture: Path) -> None:
    """Write the pictures and their heights, and the README's picture of three messages."""
    if CHROMIUM is None:
        sys.exit(f"make screenshot: {HOW_TO_INSTALL}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with ExitStack() as stack:
            openai, slack = (stack.enter_context(each) for each in (OpenAISimulator(), SlackSimulator()))
            print("a local AWS starts; the real template is built and deployed to it", flush=True)
            team = deploy(
                stack.enter_context(LocalAws()), openai, slack, "search", NotifyOn="completed,failed,expired,cancelled"
            )
            team.store_secrets(openai.key, slack.token, slack.signing_secret)
            person = Person(slack, team.slack_url, PATIENCE_S)
            shown = {}
            for kind in Day(openai, slack, team, person).kinds():
                shown[kind] = slack.on_screen[-1].ts
            page = Page(openai, slack, person, Bot(team.tick, tuple), team.name)
            server = stack.enter_context(PageServer(page))
            tab = stack.enter_context(browser())
            tab.set_viewport_size({"width": WIDTH, "height": 3_000})
            tab.goto(server.url)
            tab.locator("article").nth(len(slack.on_screen) - 1).wait_for()
            _take(tab, shown, folder, readme_picture)
    except LocalAwsError as error:
        sys.exit(f"make screenshot: {error}")


def _take(tab: Tab, shown: dict[str, str], folder: Path, readme_picture: Path) -> None:
    print("name | height px")
    for number, (kind, ts) in enumerate(shown.items(), 1):
        article, path = _article(tab, ts), folder / f"{number:02}-{kind.replace(' ', '-')}.png"
        article.screenshot(path=path)
        print(f"{path.stem} | {article.evaluate('each => each.offsetHeight')}")
    wanted = [shown[kind] for kind in IN_README]
    tab.evaluate(
        "wanted => document.querySelectorAll('#log > li').forEach("
        "each => { each.hidden = !wanted.includes(each.dataset.ts) })",
        wanted,
    )
    boxes = [box for ts in wanted if (box := _article(tab, ts).bounding_box())]
    height = sum(box["height"] for box in boxes)
    tab.screenshot(path=readme_picture, clip={**boxes[0], "height": height})


def _article(tab: Tab, ts: str) -> Locator:
    return tab.locator(f'[data-ts="{ts}"] article')


class Day:
    """What happens: the batches' ends, and what a person asks."""

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator, team: Team, person: Person) -> None:
        self._openai, self._slack, self._team, self._person = openai, slack, team, person
        self._now = int(time.time())

    def kinds(self) -> Iterator[str]:
        """Let one thing after the other happen, and yield the name of each when its message is the last shown."""
        yield from self._baseline()
        yield from self._ends()
        yield from self._answers()
        yield from self._rare_messages()

    def _baseline(self) -> Iterator[str]:
        for age in range(1, 25):
            at = self._now - 12 * HOUR_S * age
            metadata = {"description": f"Nightly embeddings, {time.strftime('%b %d', time.gmtime(at))}"}
            self._openai.add("completed", created_at=at - 900, completed_at=at, metadata=metadata)
        for name in ("Product tags, rerun", "Relabel March", "Titles"):
            self._add(name, 2 * HOUR_S, counts(800, 303, 9))
        self._team.tick()
        yield "baseline"
        yield self._asked("problems", "no problems")

    def _ends(self) -> Iterator[str]:
        end = self._end
        yield end("succeeded", "Nightly embeddings", 15 * MINUTE_S, "completed", counts(500, 500, 0))
        yield end("partly failed", PARTLY_FAILED, 2 * HOUR_S, "completed", counts(1_000, 997, 3))
        yield end("all failed", "Evals of the new prompt", 20 * MINUTE_S, "completed", counts(40, 0, 40))
        yield end("rejected", REJECTED, MINUTE_S, "failed", counts(0, 0, 0), errors=_bad_lines())
        yield end("token limit", "Captions", MINUTE_S, "failed", counts(0, 0, 0))
        yield end("expired", "Summaries of tickets", 24 * HOUR_S, "expired", counts(10_000, 7_300, 112))
        yield end("cancelled", "Alt texts", HOUR_S, "cancelled", counts(800, 312, 0))
        yield end("empty", "Backfill of an empty day", 5 * MINUTE_S, "completed", counts(0, 0, 0))
        yield end("counts unknown", "Translations", HOUR_S, "completed", None)
        yield end("unaccounted", "Catalogue", 3 * HOUR_S, "completed", counts(24_000, 11_112, 0))
        late = {"completed_at": int(time.time()) - 3 * HOUR_S}
        yield end("late", "Weekly report", 4 * HOUR_S, "completed", counts(64, 64, 0), **late)

    def _answers(self) -> Iterator[str]:
        yield self._asked("", "batches")
        yield self._asked("problems", "batches problems")
        yield self._asked("open", "batches open")
        yield self._asked(self._id_of(PARTLY_FAILED), "details partly failed")
        yield self._asked(self._id_of(REJECTED), "details rejected")
        yield self._asked("status", "status good")
        yield self._asked("help", "help")
        yield self._asked("yesterday", "misread")
        yield self._asked("batch_doesnotexist", "unknown batch")

    def _rare_messages(self) -> Iterator[str]:
        openai, slack, tick = self._openai, self._slack, self._team.tick
        self._end_shards()
        yield "digest"
        openai.remove(self._id_of("Titles"))
        tick()
        self._let_an_hour_pass()
        tick()
        yield "deleted"
        key, openai.key = openai.key, "another"
        tick()
        tick()
        yield "key refused"
        openai.key = key
        tick()
        yield "key accepted"

        slack.scopes.discard("channels:history")
        slack.faults["chat.postMessage"].append(REPLY_LOST)
        self._end("lost", "Invoices", HOUR_S, "completed", counts(90, 90, 0))
        self._let_an_hour_pass()
        tick()
        yield "possible repeat"
        slack.channels[CHANNEL] = "not_in_channel"
        self._end("kept", "Invoices of March", HOUR_S, "completed", counts(90, 90, 0))
        openai.key = "another"
        tick()
        yield self._asked("status", "status bad")
        self._delete_table()
        yield self._asked("", "error")

    def _asked(self, text: str, kind: str) -> str:
        """Let a person ask; return the kind."""
        self._person.type(COMMAND, text)
        return kind

    def _add(self, name: str, age_s: int, counted: Row | None, status: str = "in_progress") -> Row:
        fields = {"created_at": int(time.time()) - age_s, "request_counts": counted}
        return self._openai.add(status, metadata={"description": name, "owner": "ana"}, **fields)

    def _end(self, kind: str, name: str, age_s: int, status: str, counted: Row | None, **fields: Any) -> str:
        """Let a batch of this age be seen open and then end; return the kind."""
        row = self._add(name, age_s, counted, "validating" if status == "failed" else "in_progress")
        self._team.tick()
        self._openai.move(row["id"], status, request_counts=counted, **fields)
        self._team.tick()
        return kind

    def _end_shards(self) -> None:
        """Let many batches end between two polls, three of them badly."""
        ends = dict.fromkeys(range(1, SHARDS + 1), ("in_progress", MINUTE_S, "completed", counts(500, 500, 0)))
        ends[8] = ("in_progress", MINUTE_S, "completed", counts(500, 480, 20))
        ends[20] = ("validating", MINUTE_S, "failed", counts(0, 0, 0))
        ends[26] = ("in_progress", 24 * HOUR_S, "expired", counts(500, 210, 0))
        ids = [
            self._add(f"Nightly embeddings, shard {number}", age_s, counted, status)["id"]
            for number, (status, age_s, _, counted) in ends.items()
        ]
        self._team.tick()
        for id, (_, _, status, counted) in zip(ids, ends.values(), strict=True):
            self._openai.move(id, status, request_counts=counted)
        self._team.tick()

    def _let_an_hour_pass(self) -> None:
        """Change the times in the table, so that what waits for one is due."""
        client, name = self._team.aws.client("dynamodb"), self._team.table_name
        for item in client.scan(TableName=name)["Items"]:
            times = {each: float(item[each]["N"]) for each in ("missing_since", "not_before") if each in item}
            changed = {each: {"N": str(int(at) - HOUR_S)} for each, at in times.items()}
            if "state" in item:
                changed["body"] = {"S": json.dumps(json.loads(item["body"]["S"]) | {"due_at": 0})}
            if changed:
                client.put_item(TableName=name, Item=item | changed)

    def _delete_table(self) -> None:
        client, table = self._team.aws.client("dynamodb"), {"TableName": self._team.table_name}
        client.update_table(**table, DeletionProtectionEnabled=False)
        client.delete_table(**table)

    def _id_of(self, name: str) -> str:
        ids = {(row["metadata"] or {}).get("description"): row["id"] for row in self._openai.batches}
        return str(ids[name])


def _bad_lines() -> Row:
    """Return forty errors of four kinds."""
    kinds = [(*_BAD_LINES[place % 4], 3 + 7 * place) for place in range(40)]
    return errors(*({"code": code, "message": text, "param": None, "line": line} for code, text, line in kinds))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
