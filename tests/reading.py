"""Reading: a rendered message taken apart."""

from batchbell.domain.message.render import render
from batchbell.domain.message.rendered import Context, Fields, Rendered, Section
from batchbell.domain.notification import Notification, Subject
from batchbell.domain.place import Place
from tests.builders import NOW, a_message

AT_OPENAI = Place("search", "https://api.openai.com/v1")
ELSEWHERE = Place("search", "https://llm.example.com/v1/")


def rendered(subject: Subject, place: Place = ELSEWHERE, now: int = NOW, **fields: object) -> Rendered:
    """The message of one subject; on a server without a dashboard, so that names are no links."""
    return render(a_message(Notification("any#id", NOW, subject), **fields), place, now)


def sections(message: Rendered) -> list[str]:
    return [part.text for part in message.parts if isinstance(part, Section)]


def fields(message: Rendered) -> dict[str, str]:
    return dict(pair for part in message.parts if isinstance(part, Fields) for pair in part.fields)


def contexts(message: Rendered) -> list[str]:
    return [part.text for part in message.parts if isinstance(part, Context)]
