"""A team's day on the deployed stack: under enforced roles, each end is told once and rightly."""

import json
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from local import demo, run
from local.openai_faults import error
from local.openai_rows import counts, row
from local.openai_simulator import OpenAISimulator
from local.oracle import check
from local.slack_faults import ratelimited
from local.slack_simulator import SlackSimulator
from local.team import Team


def test_every_kind_of_end_is_told_once_though_both_services_fail_in_between(
    team: Team, openai: OpenAISimulator, slack: SlackSimulator
) -> None:
    assert not team.tick().has_failed
    begin, told_before = len(openai.changes), len(slack.messages)
    for status in ("failed", "expired", "completed"):
        openai.move(openai.add()["id"], status)
    for counted in (counts(10, 7, 3), counts(10, 0, 10), counts(0, 0, 0), None):
        openai.move(openai.add()["id"], "completed", request_counts=counted)
    burst = [openai.add("in_progress") for _ in range(12)]
    openai.faults.append(error(503), times=2)
    team.tick()
    openai.down = error(500)
    for each in burst:
        openai.move(each["id"], "completed")
    failed_to_list = team.tick()
    openai.down = None
    slack.faults["chat.postMessage"].append(ratelimited("1"))

    ticks = [team.tick() for _ in range(2)]

    report = check(openai.changes[begin:], slack.messages[told_before:])
    assert report.is_clean, report
    assert sum(report.ends.values()) == 19
    assert not any(each.has_failed for each in [failed_to_list, *ticks])


def test_the_demo_of_a_recorded_answer_ends_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    at = 1_700_000_000
    rows = [row("completed", at=at - 60 * age) for age in range(2)] + [row("failed", at=at - 200)]
    recording = tmp_path / "recorded.json"
    recording.write_text(json.dumps({"object": "list", "data": rows, "has_more": False}))
    monkeypatch.setenv("RECORDED", str(recording))

    code = demo.main()

    shown = capsys.readouterr().out
    assert code == 0
    assert "batches that ended: 3" in shown
    assert "missing: 0\nrepeated: 0\nwrong: 0" in shown


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), ("{", "not JSON"), ("{}", "no list of batches")])
def test_a_file_that_is_no_recorded_answer_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, says: str
) -> None:
    recording = tmp_path / "recorded.json"
    if content is not None:
        recording.write_text(content)
    monkeypatch.setenv("RECORDED", str(recording))

    with pytest.raises(SystemExit, match=f"make demo: .*recorded.json: {says}"):
        demo.main()


def test_make_run_names_what_is_missing_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    monkeypatch.delenv("SLACK_CHANNEL", raising=False)

    with pytest.raises(SystemExit, match=r"^make run: please set SLACK_BOT_TOKEN \(.*SLACK_CHANNEL"):
        run.main()


def test_make_run_goes_on_where_it_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "STATE", tmp_path / "state")
    with OpenAISimulator() as openai, SlackSimulator() as slack:
        for name, value in {
            "OPENAI_API_KEY": openai.key,
            "OPENAI_BASE_URL": openai.base_url,
            "SLACK_BOT_TOKEN": slack.token,
            "SLACK_BASE_URL": slack.base_url,
            "SLACK_CHANNEL": next(iter(slack.channels)),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(run, "time", SimpleNamespace(sleep=stop, strftime=time.strftime))
        batch = openai.add()
        run.main()
        openai.move(batch["id"], "completed")
        run.main()

        texts = [each.text for each in slack.messages]
        report = check(openai.changes[1:], slack.messages)

    assert len(texts) == 2
    assert report.is_clean
    assert capsys.readouterr().out.count("the next run goes on from here") == 2
