"""The watch as items: a head with the newest batches, and shards with the older ones.

Most polls change batches near the top of the list, or none, and then write the head alone. What a
poll changes is written in one transaction, so that no mixture of two polls' items ever lasts.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from batchbell.adapters.dynamodb import Item
from batchbell.adapters.table_json import decoded, encoded
from batchbell.domain.batch import RequestCounts
from batchbell.domain.spot import position_of
from batchbell.domain.watch import Shard, Watch, Watched

HEAD_KEY: Item = {"pk": {"S": "watch"}, "sk": {"S": "watch"}}

Rows = list[tuple[str, Watched]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many bytes of rows the head and each shard may hold.

    With the rest of the head it stays below 10 KB, so that writing it takes 10 units at most. A
    transaction takes 100 items and 4 MB: the shards of more than 100,000 open batches.
    """

    head: int = 7_800
    shard: int = 80_000


SIZES = Sizes()


def items_of(watch: Watch, sizes: Sizes = SIZES) -> tuple[Watch, Item, list[Item]]:
    """The watch as it will have been written, its head, and the writes of shards that changed."""
    head, groups = _grouped(watch, sizes)
    taken = {number for number, _ in groups}
    free = (number for number in count() if number not in taken)
    shards, writes = [], []
    for number, rows in groups:
        packed = _packed(rows)
        digest = hashlib.sha256(packed).hexdigest()[:16]
        shard = Shard(next(free) if number is None else number, _position(rows[0]), digest)
        shards.append(shard)
        if shard not in watch.shards:
            writes.append({"Put": {"Item": {**shard_key(shard.number), "rows": {"B": packed}}}})
    gone = {shard.number for shard in watch.shards} - {shard.number for shard in shards}
    writes += [{"Delete": {"Key": shard_key(number)}} for number in sorted(gone)]
    written = replace(watch, version=watch.version + 1, shards=tuple(shards))
    return written, _head(written, head), writes


def shard_key(number: int) -> Item:
    """The key of a shard: each is a partition of its own, so that no one takes all the writes."""
    return {"pk": {"S": f"watch#{number}"}, "sk": {"S": "watch"}}


def head_from(item: Item) -> Watch:
    """The watch with what its head holds. Raises: ValueError, KeyError, TypeError or zlib.error."""
    watch = decoded(Watch, item["body"]["S"])
    version = int(item["version"]["N"])
    shards = tuple(Shard(*each) for each in _loaded(item["shards"]["B"])) if "shards" in item else ()
    return replace(watch, version=version, shards=shards, watched=_unpacked(item["rows"]["B"]))


def with_shards(watch: Watch, items: Sequence[Item]) -> Watch | None:
    """The watch with its shards' batches too; None if these are not the shards that it names."""
    contents = {each["pk"]["S"]: each["rows"]["B"] for each in items}
    watched = dict(watch.watched)
    for shard in watch.shards:
        packed = contents.get(shard_key(shard.number)["pk"]["S"], b"")
        if hashlib.sha256(packed).hexdigest()[:16] != shard.digest:
            return None
        watched |= _unpacked(packed)
    return replace(watch, watched=watched)


def _head(watch: Watch, rows: Rows) -> Item:
    shards = [[each.number, each.newest, each.digest] for each in watch.shards]
    return {
        **HEAD_KEY,
        "version": {"N": str(watch.version)},
        "body": {"S": encoded(replace(watch, watched={}, version=0, shards=()))},
        "rows": {"B": _packed(rows)},
        **({"shards": {"B": _dumped(shards)}} if shards else {}),
    }


def _grouped(watch: Watch, sizes: Sizes) -> tuple[Rows, list[tuple[int | None, Rows]]]:
    """The head's rows and the shards', newest first, each beside the shard's number if it had one.

    Rows stay where they are until an item is too large, or two fit well into one.
    """
    rows = sorted(watch.watched.items(), key=_position, reverse=True)
    groups: list[tuple[int | None, Rows]] = [(None, [])]
    following = iter([*watch.shards, Shard(0, "", "")])
    shard = next(following)
    for row in rows:
        while _position(row) <= shard.newest:
            groups.append((shard.number, []))
            shard = next(following)
        groups[-1][1].append(row)
    (_, head), *others = groups
    size = len(_packed(head))
    if size > sizes.head:
        left = len(head) * sizes.head // (2 * size)
        others.insert(0, (None, head[left:]))
        head, size = head[:left], sizes.head // 2
    shards = _evened(others, sizes.shard)
    if shards and size + len(_packed(shards[0][1])) <= sizes.head * 3 // 4:
        head += shards.pop(0)[1]
    return head, shards


def _evened(groups: Sequence[tuple[int | None, Rows]], most: int) -> list[tuple[int | None, Rows]]:
    """The groups, neighbours joined where both are small, and what is too large cut in parts."""
    evened: list[tuple[int | None, Rows]] = []
    last_size = most
    for number, rows in groups:
        size = len(_packed(rows))
        if last_size + size <= most * 3 // 4:
            last_number, last_rows = evened[-1]
            evened[-1] = (number if last_number is None else last_number, last_rows + rows)
            last_size += size
            continue
        parts = math.ceil(2 * size / most) if size > most else 1
        step = math.ceil(len(rows) / parts) or 1
        for start in range(0, len(rows), step):
            evened.append((number if start == 0 else None, rows[start : start + step]))
            last_size = size // parts
    return evened


def _position(row: tuple[str, Watched]) -> str:
    return position_of(row[0], row[1].created_at)


def _packed(rows: Rows) -> bytes:
    """The rows, each told by how it differs from the one before, which takes less space."""
    lines = []
    last_id, last_at, last_rank = None, 0, 0
    for batch_id, seen in rows:
        counts = seen.request_counts
        lines.append(
            [
                batch_id,
                seen.status,
                last_at - seen.created_at,
                None if seen.expires_at is None else seen.expires_at - seen.created_at,
                seen.checked_at,
                seen.missing_since,
                counts and [counts.total, counts.completed, counts.failed],
                None if seen.rank is None else last_rank - seen.rank,
                seen.above if seen.above != last_id else seen.above and 1,
            ]
        )
        last_id, last_at = batch_id, seen.created_at
        last_rank = last_rank if seen.rank is None else seen.rank
    return _dumped(lines)


def _unpacked(packed: bytes) -> dict[str, Watched]:
    watched = {}
    last_id, last_at, last_rank = None, 0, 0
    for batch_id, status, age, lifetime, checked_at, missing_since, counts, below, above in _loaded(packed):
        last_at -= age
        last_rank -= below or 0
        watched[batch_id] = Watched(
            status,
            created_at=last_at,
            expires_at=None if lifetime is None else last_at + lifetime,
            checked_at=checked_at,
            missing_since=missing_since,
            request_counts=RequestCounts(*counts) if counts else None,
            rank=None if below is None else last_rank,
            above=last_id if above == 1 else above,
        )
        last_id = batch_id
    return watched


def _dumped(value: Any) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode())


def _loaded(packed: bytes) -> Any:
    return json.loads(zlib.decompress(packed))
