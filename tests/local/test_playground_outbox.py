"""The page shows what the bot owes, as the bot's own table has it."""

from batchbell.adapters.outbox_table import OutboxTable, notification_put
from local.playground_outbox import Owed, read
from tests.builders import NOW, a_batch, a_message, a_notification
from tests.tables import LocalTable


def test_each_notification_is_shown_with_what_holds_it_up(table: LocalTable) -> None:
    opened = table.opened()
    outbox = OutboxTable(opened)
    waiting, refused, doubtful, parked = (
        a_notification(a_batch(f"batch_{n}", "failed")) for n in ("a", "b", "c", "d")
    )
    opened.transact("record", map(notification_put, (waiting, refused, doubtful, parked)))
    outbox.claim(a_message(refused))
    outbox.claim(a_message(doubtful, unresolved_since=NOW))
    outbox.claim(a_message(parked, parked="channel_not_found"))
    outbox.hold("C0SEARCH", NOW)

    owed = {each.id: (each.state, each.why) for each in read(table.client, table.name)}

    assert owed["batch_a#failed"] == ("pending", "")
    assert owed["batch_b#failed"] == ("pending", "Slack refused it for now")
    assert owed["batch_c#failed"][0] == "in doubt"
    assert owed["batch_d#failed"] == ("parked", "channel_not_found")
    assert len(owed) == 4


def test_a_batch_is_called_by_its_name() -> None:
    names = {"batch_a": "Product tags"}

    assert Owed("batch_a#failed", "pending").named(names).id == "Product tags · failed"
    assert Owed("watching", "pending").named(names).id == "watching"
