"""What is posted keeps to Slack's limits, and carries the ids by which it is found again."""

from dataclasses import replace

from hypothesis import given, settings

from batchbell.adapters.slack_blocks import arguments_for
from batchbell.domain.message.render import render
from batchbell.domain.message.rendered import Context, Fields, Section
from batchbell.domain.notification import Form, Notification
from batchbell.domain.place import Place
from local.slack_rules import error_for
from tests import foreign
from tests.builders import NOW, a_message
from tests.old_slack import HELLO


def test_ids_that_may_be_too_many_are_left_out_of_the_plain_form_only() -> None:
    digest = replace(HELLO, ids=tuple(f"{'x' * 300}{n}#completed" for n in range(20)))

    payloads = {form: arguments_for(digest, form)["metadata"]["event_payload"] for form in Form}

    assert payloads[Form.BLOCKS]["ids"].split() == list(digest.ids)
    assert payloads[Form.PLAIN] == {"id": digest.ids[0], "ids": digest.ids[0], "team": "search"}


def test_what_is_too_long_is_cut() -> None:
    long = "&amp;" * 2_000
    parts = (Section(long), Fields((("A", long),) * 12), Context(long))

    arguments = arguments_for(replace(HELLO, text=long, plain=long, parts=parts), Form.BLOCKS)

    [attachment] = arguments["attachments"]
    section, fields, context = attachment["blocks"]
    assert len(arguments["text"]) <= 4_000
    assert len(section["text"]["text"]) <= 3_000
    assert section["text"]["text"].endswith("&amp;…")
    assert [len(field["text"]) <= 2_000 for field in fields["fields"]] == [True] * 10
    assert len(context["elements"][0]["text"]) <= 2_000


@settings(deadline=None)
@given(foreign.notifications(foreign.subjects), foreign.places)
def test_slack_takes_whatever_was_rendered(notification: Notification, place: Place) -> None:
    rendered = render(a_message(notification), place, NOW)

    for form in Form:
        assert error_for(arguments_for(rendered, form)) is None
