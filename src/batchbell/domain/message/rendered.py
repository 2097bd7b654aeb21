"""Rendered: a message in Slack's markup, before it is put into Slack's blocks."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """A paragraph of mrkdwn."""

    text: str


@dataclass(frozen=True, slots=True)
class Fields:
    """Labelled values, drawn in two columns; each is mrkdwn."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Context:
    """A small grey line of mrkdwn."""

    text: str


Part = Section | Fields | Context


@dataclass(frozen=True, slots=True)
class Rendered:
    """What one message says.

    `text` is a full sentence, read aloud and shown in the push notification; `parts` are drawn
    below it beside a bar of `colour` (`#rrggbb`); `plain` says everything of both without blocks.
    All foreign text in them is escaped already. `ids` are the notifications announced.
    """

    text: str
    colour: str
    parts: tuple[Part, ...]
    plain: str
    ids: tuple[str, ...]
    team: str
