"""Judged posts: whether a copy is one that the promise allows, and whether the bot speaks well of itself."""

from collections.abc import Iterator, Mapping

from tests.builders import NOW
from tests.proof.calls import Called, Outcome
from tests.proof.faults import System
from tests.proof.played import Played, Post
from tests.proof.story import MOST_SKEW_S, Kind

Posts = Mapping[str, list[Post]]
"""What Slack took, by the ids that it announces."""

SAYS_SO = "may be a repeat"
UNREADABLE = "the history could not be read"

MOST_TRIES = 8
"""A history that fails so often counts as one that cannot be read."""

LONG_STOP_S = 3600
"""After a stop of so long the bot looks first; a table restored to later than that is not noticed."""

LASTING_S = 600
"""A key refused for so long must have been told."""


def copy_of(played: Played, id: str, first: Post, second: Post) -> tuple[bool, str]:
    """Whether the promise allows the second copy after the first, and why (not)."""
    if _was_forgotten(played, first, second):
        return True, "the table was restored to less than an hour ago"
    if SAYS_SO not in second.message.text:
        return False, "a copy that does not say so"
    calls = played.calls.made
    looks = [call for call in calls[first.number + 1 : second.number] if call.system is System.READ]
    own_looks = [call for call in looks if call.run == calls[second.number].run]
    if not own_looks:
        return False, "a copy without a look"
    last = own_looks[-1]
    if last.is_answered:
        is_later = last.at < first.message.at
        return (
            is_later,
            "it landed later than we looked" if is_later else "a copy though the history showed it",
        )
    posts = [
        call for call in calls[: second.number] if call.system is System.POST and id in call.what.split()
    ]
    failed = [call for call in looks if call.outcome is Outcome.FAILED]
    may_be_blind = last.outcome is Outcome.REFUSED or len(posts + failed) >= MOST_TRIES
    return may_be_blind, UNREADABLE if may_be_blind else "a copy, where the look could have been tried again"


def _was_forgotten(played: Played, first: Post, second: Post) -> bool:
    """Whether the first was posted after the backup, and the stop was too short to make the bot look."""
    restore = played.story.restore
    if restore is None or not NOW + restore.backup_at <= first.message.at < NOW + restore.at:
        return False
    stop_s = restore.at + restore.stop_s - restore.backup_at
    return NOW + restore.at <= second.message.at and stop_s <= LONG_STOP_S + MOST_SKEW_S


def own_news(played: Played, posts: Posts) -> Iterator[str]:
    """What the bot says of itself: what is watched, once; a refused key; and a doubt where there is one."""
    baselines = [id for id in posts if id.startswith("baseline-")]
    if not baselines or (len(baselines) > 1 and not played.story.restore):
        yield f"what is watched is told {len(baselines)} times"
    refusals = {call.run for call in played.calls.made if _is_refused_key(call)}
    told = [id for id in posts if id.startswith("openai-key-") and id.endswith("#refused")]
    if told and len(refusals) < 2:
        yield "a key is told as refused, which was refused once at most"
    if not told and _was_long_refused(played):
        yield "a refused key is not told"
    for id, (first, *_) in posts.items():
        if SAYS_SO in first.message.text and not _may_be_in_doubt(played, first):
            yield f"{id}: says that it may be a repeat, for no reason"


def _was_long_refused(played: Played) -> bool:
    """Whether nothing else was amiss while OpenAI refused the key for long."""
    had = played.around.had
    for upset in had:
        begun_at = NOW + upset.at
        meanwhile = [call for call in played.calls.made if 0 <= call.at - begun_at < upset.for_s]
        is_alone = len(had) == 1 and not played.story.restore and not any(call.fault for call in meanwhile)
        runs = {call.run for call in meanwhile if _is_refused_key(call)}
        if upset.kind is Kind.KEY_REFUSED and is_alone and upset.for_s >= LASTING_S and len(runs) > 3:
            return True
    return False


def _may_be_in_doubt(played: Played, post: Post) -> bool:
    """Whether an attempt may have come to nothing unseen, or the table may have forgotten one."""
    before = played.calls.made[: post.number]
    return played.story.restore is not None or any(
        call.fault or call.outcome is Outcome.FAILED
        for call in before
        if call.system in (System.POST, System.TABLE)
    )


def _is_refused_key(call: Called) -> bool:
    return call.system is System.OPENAI and call.outcome is Outcome.REFUSED
