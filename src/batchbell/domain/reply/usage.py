"""Usage: what can be asked, and how."""

from batchbell.domain.command import MOST_ROWS, Help, Recent, text_of
from batchbell.domain.message.mrkdwn import escaped
from batchbell.domain.message.rendered import Context, Section
from batchbell.domain.reply.reply import Actions, Button, Reply

_FORMS = (
    ("", "the 10 most recent batches, newest first"),
    (" failed", "those that failed, wholly or in part; also any status, `open` or `all`"),
    (" 25", f"the 25 most recent, {MOST_ROWS} at most; `failed 25` is both"),
    (" batch_…", "all about one batch: its errors, tokens, files and metadata"),
    (" status", "how batchbell itself is doing"),
    (" help", "this list"),
)


def usage_reply(query: Help, name: str) -> Reply:
    """The forms of the command `name`, after one friendly line if something was not understood."""
    text = "Ask me about your OpenAI batches:"
    if query.misread is not None:
        text = f"I do not understand “{escaped(query.misread, 100)}”. This is what you can ask:"
    forms = "\n".join(f"• `{name}{form}` {meaning}" for form, meaning in _FORMS)
    return Reply(
        text,
        (
            Section(forms),
            Context("Only you see the answer; with `--share` the whole channel does."),
            Actions((Button("list", "All batches", text_of(Recent())),)),
        ),
    )
