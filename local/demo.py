"""The demo: a team's day in a hundred seconds, with the real template on a local AWS; prints every message.

The exit code is 0 only if every end was announced once and correctly.
"""

import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from local.aws import Invocation, LocalAws, LocalAwsError
from local.openai_faults import error as openai_error
from local.openai_rows import Recording, RecordingError, Row, bad_lines, counts, ended, load
from local.openai_simulator import OpenAISimulator
from local.oracle import OUTCOMES, Report, check
from local.slack_faults import REPLY_LOST, html
from local.slack_rules import as_text
from local.slack_simulator import Message, SlackSimulator
from local.team import Team, deploy

TICK_EVERY_S = 4
PATIENCE_S = 120
"""How long after the last scene the channel may take to get everything."""
HOUR_S = 3600
PARTS = 12

Scene = tuple[float, Callable[[], object], str]
"""What happens so many seconds into the day, and the text that is printed, if there is one."""


def main() -> int:
    """Run the demo, and return the exit code."""
    recorded = os.environ.get("RECORDED", "")
    try:
        return _run(Path(recorded) if recorded else None, Screen())
    except (LocalAwsError, RecordingError) as error:
        sys.exit(f"make demo: {error}")
    except KeyboardInterrupt:
        sys.exit("make demo: stopped")


class Screen:
    """Standard output, for lines from several threads; with colours on a terminal."""

    def __init__(self) -> None:
        self._started_at = time.monotonic()
        self._ansi = sys.stdout.isatty()

    def step(self, text: str) -> None:
        """Print what the demo does now."""
        seconds = int(time.monotonic() - self._started_at)
        line = f"{seconds // 60}:{seconds % 60:02}  {text}"
        self.print(f"\x1b[2m{line}\x1b[0m" if self._ansi else line)

    def message(self, message: Message) -> None:
        """Print a message that arrived in the channel."""
        self.print(f"\n{as_text(message, ansi=self._ansi)}\n")

    def print(self, text: str) -> None:
        print(f"{text}\n", end="", flush=True)  # in one write


def _run(recorded: Path | None, screen: Screen) -> int:
    with ExitStack() as stack:
        slack = stack.enter_context(SlackSimulator(rate_limit=True, on_message=screen.message))
        openai = stack.enter_context(OpenAISimulator())
        recording = load(recorded, time.time()) if recorded else None
        screen.step("a local AWS starts; the real template is built and deployed to it")
        aws = stack.enter_context(LocalAws())
        team = deploy(aws, openai, slack, "search", NotifyOn="completed,failed,expired,cancelled")
        scenes = _recorded_day(openai, recording) if recording else Day(openai, slack).scenes()
        screen.step("the first poll takes in what there is")
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        _tick(team)
        start = len(openai.changes)
        _play(scenes, team, screen)
        report = _report(lambda: check(openai.changes[start:], slack.messages), team, screen)
    screen.print(summary(report, needs_all_outcomes=recording is None))
    return 0 if report.is_clean and (recording or report.ends.keys() == OUTCOMES.keys()) else 1


def _recorded_day(openai: OpenAISimulator, recording: Recording) -> list[Scene]:
    """Add the recorded batches; return the ends of those that were opened again."""
    for row in reversed(recording.rows):
        openai.add(row)
    text = f"of the recorded batches, {len(recording.ending)} will end as they did then"
    if recording.staying_open:
        text += f"; {len(recording.staying_open)} recorded as open will stay so"

    def end(row: Row) -> None:
        openai.add(ended(row, time.time()))

    ends = enumerate(recording.ending)
    return [(0, lambda: None, text), *((2 + 3 * number, partial(end, row), "") for number, row in ends)]


def _play(scenes: list[Scene], team: Team, screen: Screen) -> None:
    """Play each scene at its time, while the bot is invoked every few seconds."""
    started_at = ticked_at = time.monotonic()
    with ThreadPoolExecutor(1) as executor:
        tick = executor.submit(_tick, team)
        for at_s, act, text in scenes:
            while (now := time.monotonic()) < started_at + at_s:
                if tick.done() and now >= ticked_at + TICK_EVERY_S:
                    tick.result()
                    tick, ticked_at = executor.submit(_tick, team), now
                time.sleep(0.05)
            if text:
                screen.step(text)
            act()
        tick.result()


def _report(checked: Callable[[], Report], team: Team, screen: Screen) -> Report:
    """Return the report, once nothing is missing or time is up, and two more polls have run."""
    give_up_at = time.monotonic() + PATIENCE_S
    if missing := checked().missing:
        screen.step(f"waiting for what Slack has not taken yet: {len(missing)} to come")
    while checked().missing and time.monotonic() < give_up_at:
        time.sleep(TICK_EVERY_S)
        _tick(team)
    screen.step("a last look: is anything told twice?")
    for _ in range(2):
        _tick(team)
    return checked()


def _tick(team: Team) -> Invocation:
    invocation = team.tick()
    if invocation.has_failed:
        raise LocalAwsError(f"the function failed: {invocation.payload}\n{invocation.log}")
    return invocation


def summary(report: Report, *, needs_all_outcomes: bool) -> str:
    """Return the numbers that are printed at the end."""
    lines = [f"batches that ended: {sum(report.ends.values())}"]
    for outcome in OUTCOMES:
        if report.ends[outcome]:
            lines.append(f"  {report.ends[outcome]:>3}  {outcome}")
        elif needs_all_outcomes:
            lines.append(f"    0  {outcome}: it should have occurred")
    lines.append(f"messages posted: {report.messages}")
    for name in ("missing", "repeated", "wrong"):
        found = getattr(report, name)
        lines += [f"{name}: {len(found)}", *(f"  {each}" for each in found)]
    return "\n".join(lines)


class Day:
    """The batches when the team installs batchbell, and all that happens then."""

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator) -> None:
        self._openai, self._slack, now = openai, slack, int(time.time())
        for age in range(1, 13):
            at, name = now - 2 * HOUR_S * age, f"Nightly embeddings, {age} runs ago"
            self._add("completed", name, created_at=at, completed_at=at + 900)
        self._nightly = self._add("in_progress", "Nightly embeddings", 500, age_s=3.2 * HOUR_S)
        self._tickets = self._add("in_progress", "Summaries of tickets", 10_000, age_s=23.99 * HOUR_S)
        self._tags = self._add("in_progress", "Product tags", 800, age_s=HOUR_S)
        self._moderation = self._add("in_progress", "Moderation backlog", 1000, age_s=2 * HOUR_S)
        self._evals = self._add("finalizing", "Evals of the new prompt", 64, age_s=600)

    def scenes(self) -> list[Scene]:
        """Return the day's scenes, in order."""
        openai, slack, new, fail, end = (self._openai, self._slack, self._complete_new, self._fail_new, self._end)
        names = [f"Catalogue, part {number} of {PARTS}" for number in range(1, PARTS + 1)]
        parts: list[Row] = []
        lose_reply = partial(slack.faults["chat.postMessage"].append, REPLY_LOST)
        return [
            (1, lambda: parts.extend(self._add("validating", name) for name in names), ""),
            (3, lambda: end(self._nightly, "completed", 500, 500, 0), ""),
            (5, lambda: self._move_all(parts, "in_progress"), ""),
            (6, lambda: end(self._moderation, "completed", 1000, 997, 3), ""),
            (9, lambda: fail("Weekly report"), "a batch is born and fails between two polls"),
            (12, lambda: openai.move(self._tags["id"], "cancelling"), ""),
            (14, lambda: new("Translations into Finnish", 40, 0, 40), ""),
            (17, lambda: end(self._tickets, "expired", 10_000, 7412, 9), ""),
            (20, lambda: new("Backfill of an empty day", 0, 0, 0), ""),
            (23, lambda: end(self._tags, "cancelled", 800, 312, 0), ""),
            (26, lambda: new("Captions"), ""),
            (30, lambda: setattr(openai, "down", openai_error(503)), "OpenAI answers 503 from now on"),
            (34, lambda: end(self._evals, "completed", 64, 64, 0), "meanwhile two batches end"),
            (35, lambda: fail("Invoices of March"), ""),
            (44, lambda: setattr(openai, "down", None), "OpenAI works again"),
            (50, lambda: self._move_all(parts, "finalizing"), ""),
            (54, lambda: self._end_all(parts), f"{PARTS} batches end at once"),
            (62, lose_reply, "Slack takes the next message and loses the reply"),
            (63, lambda: new("Titles", 250, 250, 0), ""),
            (70, lambda: setattr(slack, "down", html(502)), "Slack answers 502 from now on"),
            (72, lambda: new("Alt texts", 90, 88, 2), ""),
            (82, lambda: setattr(slack, "down", None), "Slack works again"),
            (84, lambda: new("Weekly digest", 7, 7, 0), ""),
        ]

    def _add(self, status: str, name: str, total: int = 100, *, age_s: float = 0, **fields: Any) -> Row:
        done = {"in_progress": total // 3, "finalizing": total, "completed": total}.get(status, 0)
        fields = {"created_at": int(time.time() - age_s), "request_counts": counts(total, done, 0)} | fields
        return self._openai.add(status, metadata={"description": name, "team": "search"}, **fields)

    def _end(self, row: Row, status: str, *counted: int) -> None:
        """End a batch with these counts; with none, they are not known."""
        self._openai.move(row["id"], status, request_counts=counts(*counted) if counted else None)

    def _complete_new(self, name: str, *counted: int) -> None:
        """Complete a batch that was created after the last poll, by OpenAI's clock a little earlier."""
        self._end(self._add("in_progress", name, age_s=45), "completed", *counted)

    def _fail_new(self, name: str) -> None:
        row = self._add("validating", name)
        self._openai.move(row["id"], "failed", errors=bad_lines(3, 17, 18, 40))

    def _move_all(self, rows: list[Row], status: str) -> None:
        for row in rows:
            self._openai.move(row["id"], status)

    def _end_all(self, rows: list[Row]) -> None:
        for row in rows[2:]:
            self._end(row, "completed", 100, 100, 0)
        self._end(rows[0], "completed", 100, 96, 4)
        self._openai.move(rows[1]["id"], "failed")


if __name__ == "__main__":
    sys.exit(main())
