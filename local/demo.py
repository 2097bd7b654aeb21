"""Demo: a team's day on this machine, with the real template, and every message as it arrives.

Exit code 0 only if each end was told once and rightly, by the simulators' own record.
"""

import os
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Lock

from local.aws import Invocation, LocalAws, LocalAwsError
from local.judge import VERDICTS, Report, judge
from local.openai_recording import Recording, RecordingError
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import Landed, SlackSimulator
from local.slack_text import as_text
from local.story import Day, Scene
from local.team import Team, deploy

TICK_EVERY_S = 4
ENOUGH_S = 120
"""How long after the last scene the channel may take to hear of everything."""


def main() -> int:
    """Play the day, and return the exit code."""
    recorded = os.environ.get("RECORDED", "")
    screen = Screen()
    try:
        return _demo(Path(recorded) if recorded else None, screen)
    except (LocalAwsError, RecordingError) as error:
        sys.exit(f"make demo: {error}")
    except KeyboardInterrupt:
        sys.exit("make demo: stopped")


class Screen:
    """Standard output, for lines from several threads; a terminal also gets colours."""

    def __init__(self) -> None:
        self._begun_at = time.monotonic()
        self._lock = Lock()
        self._ansi = sys.stdout.isatty()

    def step(self, text: str) -> None:
        """Something that the demo does."""
        seconds = int(time.monotonic() - self._begun_at)
        self._print(self._dim(f"{seconds // 60}:{seconds % 60:02}  {text}"))

    def message(self, landed: Landed) -> None:
        """A message that arrived in the channel."""
        self._print("\n" + as_text(landed, ansi=self._ansi) + "\n")

    def report(self, text: str) -> None:
        self._print(text)

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._ansi else text

    def _print(self, text: str) -> None:
        with self._lock:
            print(text, flush=True)


def _demo(recorded: Path | None, screen: Screen) -> int:
    with ExitStack() as stack:
        slack = stack.enter_context(SlackSimulator(rate_limit=True, on_message=screen.message))
        openai, recording = _openai(recorded)
        stack.enter_context(openai)
        screen.step("a local AWS starts; the real template is built and deployed to it")
        aws = stack.enter_context(LocalAws())
        team = deploy(aws, openai, slack, "search", NotifyOn="completed,failed,expired,cancelled")
        scenes = list(_scenes(openai, slack, recording))
        screen.step("the first poll takes in what there is")
        team.store_secrets(openai.key, slack.token, slack.signing_secret)
        _checked(team.tick())
        begin = len(openai.journal)
        _play(scenes, team, screen)
        report = _finished(openai, slack, begin, team, screen)
    screen.report(summary(report, needs_all_verdicts=recording is None))
    return 0 if report.is_clean and (recording or report.ends.keys() == VERDICTS.keys()) else 1


def _openai(recorded: Path | None) -> tuple[OpenAISimulator, Recording | None]:
    if recorded is None:
        return OpenAISimulator(), None
    return OpenAISimulator.from_recording(recorded)


def _scenes(openai: OpenAISimulator, slack: SlackSimulator, recording: Recording | None) -> Iterable[Scene]:
    if recording is None:
        return Day(openai, slack, time.time()).scenes()
    return _as_recorded(openai, recording)


def _as_recorded(openai: OpenAISimulator, recording: Recording) -> Iterator[Scene]:
    """The newest of the recorded batches, that were set back to open, end one after the other."""
    told = f"of the recorded batches, {len(recording.ending)} will end as they did then"
    if recording.staying_open:
        told += f"; {len(recording.staying_open)} recorded as open will stay so"
    yield Scene(0, lambda: None, told)
    for place, row in enumerate(recording.ending):
        yield Scene(2 + 3 * place, lambda row=row: openai.end_as_recorded(row))  # type: ignore[misc]


def _play(scenes: Iterable[Scene], team: Team, screen: Screen) -> None:
    """Play the scenes, each at its time, while the bot is woken again and again."""
    begun_at = time.monotonic()
    with ThreadPoolExecutor(1) as ticker:
        tick: Future[Invocation] = ticker.submit(team.tick)
        ticked_at = begun_at
        for scene in scenes:
            while (now := time.monotonic()) < begun_at + scene.at_s:
                if tick.done() and now >= ticked_at + TICK_EVERY_S:
                    _checked(tick.result())
                    tick, ticked_at = ticker.submit(team.tick), now
                time.sleep(0.05)
            if scene.told:
                screen.step(scene.told)
            scene.play()
        _checked(tick.result())


def _finished(
    openai: OpenAISimulator, slack: SlackSimulator, begin: int, team: Team, screen: Screen
) -> Report:
    """The report, once nothing is missing and nothing more has come for a while, or time is up."""
    give_up_at = time.monotonic() + ENOUGH_S
    report = judge(openai.journal[begin:], slack.messages)
    if report.missing:
        screen.step(f"waiting for what Slack has not taken yet: {len(report.missing)} to come")
    while report.missing and time.monotonic() < give_up_at:
        time.sleep(TICK_EVERY_S)
        _checked(team.tick())
        report = judge(openai.journal[begin:], slack.messages)
    screen.step("a last look: is anything told twice?")
    for _ in range(2):
        _checked(team.tick())
    return judge(openai.journal[begin:], slack.messages)


def _checked(invocation: Invocation) -> None:
    if invocation.has_failed:
        raise LocalAwsError(f"the function failed: {invocation.payload}\n{invocation.log}")


def summary(report: Report, *, needs_all_verdicts: bool) -> str:
    """The count, as it is printed at the end."""
    lines = [f"batches that ended: {sum(report.ends.values())}"]
    for verdict in VERDICTS:
        if report.ends[verdict]:
            lines.append(f"  {report.ends[verdict]:>3}  {verdict}")
        elif needs_all_verdicts:
            lines.append(f"    0  {verdict}: it should have occurred")
    lines.append(f"messages posted: {report.messages}")
    for name in ("missing", "repeated", "wrong"):
        found = getattr(report, name)
        lines += [f"{name}: {len(found)}", *(f"  {each}" for each in found)]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
