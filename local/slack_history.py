"""History: what stands in the channels of a workspace, and its pages as Slack cuts them."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any


@dataclass(frozen=True, slots=True)
class Landed:
    """A message as it stands in a channel, from `at` on; an ephemeral one is `only_for` one person."""

    ts: str
    channel: str
    at: float
    text: str
    bot_id: str | None = None
    user: str | None = None
    only_for: str | None = None
    blocks: Sequence[Mapping[str, Any]] = ()
    attachments: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, Any] | None = None

    def shown(self, *, with_metadata: bool) -> dict[str, Any]:
        """The message as the API shows it."""
        shown: dict[str, Any] = {"type": "message", "ts": self.ts, "text": self.text}
        if self.bot_id:
            shown["bot_id"] = self.bot_id
        if self.user:
            shown["user"] = self.user
        if self.blocks:
            shown["blocks"] = self.blocks
        if self.attachments:
            shown["attachments"] = self.attachments
        if self.metadata and with_metadata:
            shown["metadata"] = self.metadata
        return shown


class History:
    """All messages, also those that will only show later."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._landed: list[Landed] = []
        self._lock = Lock()

    def land(self, channel: str, late_s: float = 0, **said: Any) -> Landed:
        with self._lock:
            at = self._clock() + late_s
            microseconds, taken = round(at * 1e6), {each.ts for each in self._landed}
            while (ts := f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}") in taken:
                microseconds += 1
            message = Landed(ts, channel, at, **said)
            self._landed.append(message)
        return message

    def change(self, ts: str, **said: Any) -> None:
        """Let a message say something else where it stands."""
        with self._lock:
            self._landed = [replace(each, **said) if each.ts == ts else each for each in self._landed]

    def remove(self, ts: str) -> None:
        with self._lock:
            self._landed = [each for each in self._landed if each.ts != ts]

    def on_screen(self) -> list[Landed]:
        """All that shows by now, ephemeral messages included."""
        with self._lock:
            now = self._clock()
            return [each for each in self._landed if each.at <= now]

    def showing(self) -> list[Landed]:
        """What Slack keeps: an ephemeral message is in no history."""
        return [each for each in self.on_screen() if not each.only_for]

    def last_at(self, channel: str) -> float:
        """When the channel took its last message."""
        return max((each.at for each in self.showing() if each.channel == channel), default=0)

    def page(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Newest first; `oldest` itself is left out, as in Slack."""
        cursor, oldest = arguments.get("cursor"), float(arguments.get("oldest", 0))
        before = float(b64decode(cursor).decode().removeprefix("next_ts:") if cursor else "inf")
        there = [
            each
            for each in self.showing()
            if each.channel == arguments["channel"] and oldest < float(each.ts) < before
        ]
        limit = min(int(arguments.get("limit", 100)), 999)
        page = sorted(there, key=lambda each: float(each.ts), reverse=True)[:limit]
        with_metadata = str(arguments.get("include_all_metadata")).lower() in ("1", "true")
        answer: dict[str, Any] = {"messages": [each.shown(with_metadata=with_metadata) for each in page]}
        answer["has_more"] = len(there) > len(page)
        if answer["has_more"]:
            following = b64encode(f"next_ts:{page[-1].ts}".encode()).decode()
            answer["response_metadata"] = {"next_cursor": following}
        return answer
