"""A message in a terminal reads as it does in Slack."""

from datetime import UTC

from local.slack_history import Landed
from local.slack_text import as_text


def posted(text: str, *blocks: dict[str, object]) -> Landed:
    attachments = ({"color": "#e01e5a", "blocks": blocks},) if blocks else ()
    return Landed("1.0", "C0", 1.0, text, attachments=attachments)


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def test_marks_become_what_they_mean() -> None:
    message = posted(
        ":x: *search* · *<https://x.example/b|R&amp;D>* ended "
        "<!date^1763000000^{date_short_pretty} {time}|2025> in `file_1`, _slanted_, :unheard_of:"
    )

    assert as_text(message, zone=UTC) == (
        "❌ search · R&D ended Nov 13, 02:13 in file_1, slanted, :unheard_of:"
    )


def test_what_was_escaped_is_shown_as_it_was() -> None:
    assert as_text(posted("*&lt;!channel&gt;* &amp;lt; a_b_c 2*3*4")) == "<!channel> &lt; a_b_c 2*3*4"


def test_blocks_stand_at_a_bar_with_their_fields_in_two_columns() -> None:
    message = posted(
        "Head",
        {"type": "section", "text": mrkdwn("Why.\nAnd how.")},
        {
            "type": "section",
            "fields": [mrkdwn("*Model*\n`gpt`"), mrkdwn("*Took*\n1 h"), mrkdwn("*Long*\n" + "x" * 50)],
        },
        {"type": "context", "elements": [mrkdwn("`batch_1`")]},
    )

    assert as_text(message).split("\n") == [
        "Head",
        "▌ Why.",
        "▌ And how.",
        f"▌ {'Model: gpt':<48}Took: 1 h",
        f"▌ Long: {'x' * 50}",
        "▌ batch_1",
    ]


def test_long_lines_are_wrapped_beside_the_bar() -> None:
    lines = as_text(posted("Head", {"type": "section", "text": mrkdwn("word " * 50)})).split("\n")

    assert [line[:6] for line in lines] == ["Head", "▌ word", "▌ word", "▌ word"]


def test_the_bar_has_its_colour_only_where_colours_are_asked_for() -> None:
    message = posted("Head", {"type": "section", "text": mrkdwn("Why.")})

    assert "\x1b[" not in as_text(message)
    assert "\x1b[38;2;224;30;90m▌\x1b[0m Why." in as_text(message, ansi=True)
