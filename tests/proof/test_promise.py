"""The promise: a fixed part of what `make prove` tries, and what makes its word good."""

import re
from typing import Any

import pytest
from batchbell.domain import cursor
from botocore.exceptions import ClientError

from local.memory_table import Item, MemoryTable
from tests.bot import ids_of
from tests.proof.exhaust import DEEP, STORY, exhausted
from tests.proof.judge import judged
from tests.proof.play import Play
from tests.proof.story import Life, Story, Verdict, story_for
from tests.proof.tally import Tally
from tests.tables import LocalTable


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_whatever_fails_every_end_is_announced_and_none_repeated_against_the_promise(first: int) -> None:
    tally, broken = Tally(), []

    for seed in range(first, first + 10):
        played = Play(story_for(seed)).run()
        result = judged(played)
        tally.add(played, result)
        broken += [f"story {seed}: {each}" for each in result.broken]

    assert broken == []
    assert tally.hard >= 5
    assert tally.owed > 20


@pytest.mark.parametrize("story", [STORY, DEEP], ids=["every end", "deep"])
def test_one_fault_at_any_call_of_a_story_breaks_nothing(story: Story) -> None:
    results = [*exhausted(story, every=61)]

    assert [(faults, result.broken) for _, faults, result in results if result.broken] == []
    assert len(results) > 10


def test_the_deep_story_has_a_window_shards_a_digest_and_a_lost_batch() -> None:
    played = Play(DEEP).run()

    ids = [ids_of(post.message.metadata) for post in played.posts]
    assert judged(played).broken == ()
    assert ["batch_lost#gone"] in ids
    assert max(map(len, ids)) > 5
    assert played.windows > 0
    assert played.watch is not None
    assert "BatchGetItem" in {call.what for call in played.calls.made}


def test_a_seed_is_one_story_to_the_last_call() -> None:
    first, second = (Play(story_for(3)).run() for _ in range(2))

    assert first.calls.made == second.calls.made
    assert [_without_port(line) for line in first.lines] == [_without_port(line) for line in second.lines]
    assert first.faults


def test_what_went_wrong_in_a_story_can_be_given_to_it() -> None:
    first = Play(story_for(3)).run()

    second = Play(story_for(3), first.faults).run()

    assert first.calls.made == second.calls.made


def test_the_proof_finds_a_rule_that_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Life("batch_late", born_at=70, ended_at=80, verdict=Verdict.FAILED, late_s=150)
    story = Story(seed=0, ticks=tuple(range(5, 300, 60)), lives=(late, Life("batch_newer", born_at=100)))
    before = judged(Play(story).run()).broken
    monkeypatch.setattr(cursor, "OVERLAP_S", 0)

    lost = judged(Play(story).run()).lost

    assert before == ()
    assert lost == ("batch_late#failed: never announced",)


@pytest.mark.parametrize("seed", [5, 6])
def test_the_table_in_memory_answers_as_motos_does(table: LocalTable, seed: int) -> None:
    played = Play(story_for(seed), table=Compared(table)).run()

    assert len(played.calls.made) > 300
    assert judged(played).broken == ()


class Compared(MemoryTable):
    """The table in memory, each of whose answers must be moto's, too."""

    def __init__(self, table: LocalTable) -> None:
        super().__init__()
        self._table = table

    def __call__(self, operation: str, request: Item) -> Item:
        is_known = request.get("ClientRequestToken") in self._tokens  # which moto does not look at
        ours = _outcome(lambda: super(Compared, self).__call__(operation, request))
        name = re.sub("(?<!^)([A-Z])", r"_\1", operation).lower()
        theirs = ours if is_known else _outcome(lambda: getattr(self._table.client, name)(**request))
        assert _told(ours) == _told(theirs), (operation, request)
        if isinstance(ours, ClientError):
            raise ours
        return ours


def _outcome(ask: Any) -> Any:
    try:
        return ask()
    except ClientError as error:
        return error


def _told(outcome: Any) -> Any:
    """What our adapters read of an answer."""
    if isinstance(outcome, ClientError):
        response: Any = outcome.response
        reasons = [(each["Code"], each.get("Item")) for each in response.get("CancellationReasons", [])]
        return response["Error"]["Code"], response.get("Item"), reasons
    batched = [item for items in outcome.get("Responses", {}).values() for item in items]
    return outcome.get("Item"), outcome.get("Items"), sorted(batched, key=str)


def _without_port(line: str) -> str:
    return re.sub(r"127\.0\.0\.1:\d+", "", line)
