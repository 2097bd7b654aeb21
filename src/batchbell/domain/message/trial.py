"""Trial: a message that only shows that messages arrive."""

from batchbell.domain.message.mrkdwn import escaped
from batchbell.domain.message.rendered import Context, Rendered


def trial_for(team: str, now: int) -> Rendered:
    """A test message; its id is that of no batch."""
    text = f":wrench: *{escaped(team, 60)}* · This is a test message: batchbell can post here."
    below = "Sent by a person with `batchbell test-message`. No batch has ended."
    return Rendered(
        text=text,
        colour="#1d9bd1",
        parts=(Context(below),),
        plain=f"{text}\n{below}",
        ids=(f"trial-{now}#test",),
        team=team,
    )
