"""The demo: a team's day in a hundred seconds, with the real template on a local AWS; prints every message.

The exit code is 0 only if every end was announced once and correctly.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.aws import Invocation, LocalAws, LocalAwsError
from local.openai_faults import error as openai_error
from local.openai_rows import Recording, RecordingError, Row, bad_lines, counts
from local.openai_simulator import OpenAISimulator
from local.oracle import OUTCOMES, Report, check
from local.slack_faults import REPLY_LOST, html
from local.slack_rules import as_text
from local.slack_simulator import Landed, SlackSimulator
from local.team import Team, deploy

TICK_EVERY_S = 4
PATIENCE_S = 120
"""How long after the last scene the channel may take to get everything."""
HOUR_S = 3600
PARTS = 12


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

    def message(self, landed: Landed) -> None:
        """Print a message that arrived in the channel."""
        self.print(f"\n{as_text(landed, ansi=self._ansi)}\n")

    def print(self, text: str) -> None:
        print(f"{text}\n", end="", flush=True)  # in one write


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens `at_s` seconds into the day; the text is printed, if there is one."""

    at_s: float
    act: Callable[[], object]
    text: str = ""


def _run(recorded: Path | None, screen: Screen) -> int:
    with ExitStack() as stack:
        slack = stack.enter_context(SlackSimulator(rate_limit=True, on_message=screen.message))
        openai, recording = (
            OpenAISimulator.from_recording(recorded) if recorded else (OpenAISimulator(), None)
        )
        stack.enter_context(openai)
        screen.step("a local AWS starts; the real template is built and deployed to it")
        aws = stack.enter_context(LocalAws())
        team = deploy(aws, openai, slack, "search", NotifyOn="completed,failed,expired,cancelled")
        scenes = list(
            _recorded_day(openai, recording) if recording else Day(openai, slack, time.time()).scenes()
        )
        screen.step("the first poll takes in what there is")
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        _tick(team)
        start = len(openai.changes)
        _play(scenes, team, screen)
        report = _report(lambda: check(openai.changes[start:], slack.messages), team, screen)
    screen.print(summary(report, needs_all_outcomes=recording is None))
    return 0 if report.is_clean and (recording or report.ends.keys() == OUTCOMES.keys()) else 1


def _recorded_day(openai: OpenAISimulator, recording: Recording) -> Iterator[Scene]:
    """Yield the ends of the recorded batches that were opened again."""
    text = f"of the recorded batches, {len(recording.ending)} will end as they did then"
    if recording.staying_open:
        text += f"; {len(recording.staying_open)} recorded as open will stay so"
    yield Scene(0, lambda: None, text)
    for number, row in enumerate(recording.ending):
        yield Scene(2 + 3 * number, lambda row=row: openai.end_as_recorded(row))  # type: ignore[misc]


def _play(scenes: list[Scene], team: Team, screen: Screen) -> None:
    """Play each scene at its time, while the bot is invoked every few seconds."""
    started_at = ticked_at = time.monotonic()
    with ThreadPoolExecutor(1) as executor:
        tick = executor.submit(_tick, team)
        for scene in scenes:
            while (now := time.monotonic()) < started_at + scene.at_s:
                if tick.done() and now >= ticked_at + TICK_EVERY_S:
                    tick.result()
                    tick, ticked_at = executor.submit(_tick, team), now
                time.sleep(0.05)
            if scene.text:
                screen.step(scene.text)
            scene.act()
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

    def __init__(self, openai: OpenAISimulator, slack: SlackSimulator, now: float) -> None:
        self._openai = openai
        self._slack = slack
        self._now = int(now)
        for age in range(1, 13):
            at = self._now - 2 * HOUR_S * age
            name = f"Nightly embeddings, {age} runs ago"
            self._add("completed", name, created_at=at, completed_at=at + 900)
        self._nightly = self._add("in_progress", "Nightly embeddings", total=500, age_s=3.2 * HOUR_S)
        self._tickets = self._add("in_progress", "Summaries of tickets", total=10_000, age_s=23.99 * HOUR_S)
        self._tags = self._add("in_progress", "Product tags", total=800, age_s=HOUR_S)
        self._moderation = self._add("in_progress", "Moderation backlog", total=1000, age_s=2 * HOUR_S)
        self._evals = self._add("finalizing", "Evals of the new prompt", total=64, age_s=600)

    def scenes(self) -> Iterator[Scene]:
        """Yield the day's scenes, in order."""
        openai, slack, new, end = self._openai, self._slack, self._complete_new, self._end
        names = [f"Catalogue, part {number} of {PARTS}" for number in range(1, PARTS + 1)]
        parts: list[Row] = []
        for scene in (
            (1, lambda: parts.extend(self._add("validating", name) for name in names)),
            (3, lambda: end(self._nightly, "completed", counts(500, 500, 0))),
            (5, lambda: [openai.move(row["id"], "in_progress") for row in parts]),
            (6, lambda: end(self._moderation, "completed", counts(1000, 997, 3))),
            (9, lambda: self._fail_new("Weekly report"), "a batch is born and fails between two polls"),
            (12, lambda: openai.move(self._tags["id"], "cancelling")),
            (14, lambda: new("Translations into Finnish", counts(40, 0, 40))),
            (17, lambda: end(self._tickets, "expired", counts(10_000, 7412, 9))),
            (20, lambda: new("Backfill of an empty day", counts(0, 0, 0))),
            (23, lambda: end(self._tags, "cancelled", counts(800, 312, 0))),
            (26, lambda: new("Captions", None)),
            (30, lambda: setattr(openai, "down", openai_error(503)), "OpenAI answers 503 from now on"),
            (34, lambda: end(self._evals, "completed", counts(64, 64, 0)), "meanwhile two batches end"),
            (35, lambda: self._fail_new("Invoices of March")),
            (44, lambda: setattr(openai, "down", None), "OpenAI works again"),
            (50, lambda: [openai.move(row["id"], "finalizing") for row in parts]),
            (54, lambda: self._end_all(parts), f"{PARTS} batches end at once"),
            (
                62,
                lambda: slack.faults["chat.postMessage"].append(REPLY_LOST),
                "Slack takes the next message and loses the reply",
            ),
            (63, lambda: new("Titles", counts(250, 250, 0))),
            (70, lambda: setattr(slack, "down", html(502)), "Slack answers 502 from now on"),
            (72, lambda: new("Alt texts", counts(90, 88, 2))),
            (82, lambda: setattr(slack, "down", None), "Slack works again"),
            (84, lambda: new("Weekly digest", counts(7, 7, 0))),
        ):
            yield Scene(*scene)

    def _add(self, status: str, name: str, *, total: int = 100, age_s: float = 0, **fields: Any) -> Row:
        created = {"created_at": int(self._now - age_s)} if age_s else {}
        done = {"in_progress": total // 3, "finalizing": total, "completed": total}.get(status, 0)
        defaults = {
            "request_counts": counts(total, done, 0),
            "metadata": {"description": name, "team": "search"},
        }
        return self._openai.add(status, **{**defaults, **created, **fields})

    def _end(self, row: Row, status: str, counted: Row | None) -> None:
        self._openai.move(row["id"], status, request_counts=counted)

    def _complete_new(self, name: str, counted: Row | None) -> None:
        """Complete a batch that was created after the last poll, by OpenAI's clock a little earlier."""
        self._end(self._add("in_progress", name, created_at=int(time.time()) - 45), "completed", counted)

    def _fail_new(self, name: str) -> None:
        row = self._add("validating", name)
        self._openai.move(row["id"], "failed", errors=bad_lines(3, 17, 18, 40))

    def _end_all(self, rows: list[Row]) -> None:
        for row in rows[2:]:
            self._end(row, "completed", counts(100, 100, 0))
        self._end(rows[0], "completed", counts(100, 96, 4))
        self._openai.move(rows[1]["id"], "failed")


if __name__ == "__main__":
    sys.exit(main())
