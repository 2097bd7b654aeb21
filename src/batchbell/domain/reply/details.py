"""Details: all about one batch."""

from dataclasses import replace

from batchbell.domain.batch import Batch
from batchbell.domain.command import One, Recent, text_of
from batchbell.domain.message.appearance import appearance_of
from batchbell.domain.message.mrkdwn import code, date, escaped
from batchbell.domain.message.parts import parts_for
from batchbell.domain.message.rendered import Context, Section
from batchbell.domain.message.sentence import sentence_for
from batchbell.domain.notification import Gone
from batchbell.domain.place import Place
from batchbell.domain.reply.progress import bar, is_forsaken, is_open
from batchbell.domain.reply.reply import Actions, Button, Reply, share_button
from batchbell.domain.watch import GONE, Watch

_SENTENCE_ROOM = 600


def details_reply(batch: Batch, place: Place, watch: Watch | None, source: str) -> Reply:
    """What its notification would say, and how far it has come; `source` says how we know."""
    appearance = appearance_of(Gone(batch, 0) if batch.status == GONE else batch)
    # While it is open a bar shows its progress, and the sentence need not.
    told = replace(batch, request_counts=None) if is_open(batch) else batch
    sentence = sentence_for(told, place, _SENTENCE_ROOM)
    notes = [source]
    if is_open(batch) and batch.expires_at is not None:
        notes.insert(0, f"Its window ends {date(batch.expires_at)}")
    if is_forsaken(batch, watch):
        notes.append("It belongs to a list that is no longer watched")
    progress = bar(batch.request_counts) if is_open(batch) else ""
    return Reply(
        text=f"{appearance.emoji} *{escaped(place.team, 60)}* · {sentence}.",
        parts=(
            *([Section(progress)] if progress else []),
            *parts_for(batch, place),
            Context(" · ".join(notes)),
            _actions(batch.id),
        ),
    )


def unknown_reply(batch_id: str, place: Place, why: str) -> Reply:
    """There is no such batch in the table; `why` says what the server made of it."""
    return Reply(
        text=f":grey_question: *{escaped(place.team, 60)}* · {code(batch_id, 120)} is unknown here{why}.",
        parts=(_actions(batch_id),),
    )


def _actions(batch_id: str) -> Actions:
    command = text_of(One(batch_id))
    return Actions(
        (
            Button("list", "All batches", text_of(Recent())),
            Button("refresh", "Refresh", command),
            share_button(command),
        )
    )
