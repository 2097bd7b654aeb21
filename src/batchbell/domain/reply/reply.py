"""Reply: what a question in Slack is answered with, before it is put into Slack's blocks."""

from dataclasses import dataclass

from batchbell.domain.message.rendered import Part


@dataclass(frozen=True, slots=True)
class Button:
    """A button; pressed, it asks `command`. `action` says what becomes of the answer."""

    action: str
    label: str
    command: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A menu of commands by their labels; `chosen` is the label that it shows."""

    action: str
    options: tuple[tuple[str, str], ...]
    chosen: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of mrkdwn with a button beside it."""

    text: str
    button: Button


@dataclass(frozen=True, slots=True)
class Actions:
    """What can be pressed below."""

    elements: tuple[Button | Choice, ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """`text` is a sentence and stands first; `parts` are drawn below it. All of it is mrkdwn.

    All foreign text in it is escaped already.
    """

    text: str
    parts: tuple[Part | Row | Actions, ...] = ()


SHARE = "share"
"""The action whose answer goes to the whole channel; that of any other replaces what was asked from."""


def share_button(command: str) -> Button:
    return Button(SHARE, "Share", command)
