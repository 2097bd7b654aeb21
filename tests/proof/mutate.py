"""Mutate: take away one of the rules that keep the promise, and see whether the proof finds out."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutation:
    """In one file of src/batchbell, `old` is `new`; a `test` is to find what no story is long enough for."""

    what: str
    file: str
    old: str
    new: str
    test: str | None = None


MUTATIONS = (
    Mutation(
        "the old status is no condition of a record",
        "adapters/batch_table.py",
        '"#status = :old"',
        '"attribute_exists(#status)"',
    ),
    Mutation(
        "a record has no condition at all",
        "adapters/batch_table.py",
        '"ConditionExpression": condition',
        '"ConditionExpression": condition and "attribute_exists(pk) OR attribute_not_exists(pk)"',
    ),
    Mutation("a claim has no lease", "domain/delivery.py", "LEASE_S = 180", "LEASE_S = 0"),
    Mutation(
        "nothing is looked for before it is posted again",
        "flows/deliver.py",
        "if since is None:",
        "if since is None or message.version:",
    ),
    Mutation("the cursor has no overlap", "domain/cursor.py", "OVERLAP_S = 300", "OVERLAP_S = 0"),
    Mutation("an ended batch may be open again", "domain/diff.py", "or old_status in TERMINAL", ""),
    Mutation(
        "a walk never stops where the server repeats itself",
        "domain/cursor.py",
        "new_ids == 0",
        "new_ids < 0",
    ),
    Mutation(
        "a walk may read any number of pages",
        "flows/walk.py",
        "MOST_PAGES = 1000",
        "MOST_PAGES = 10**9",
        test="tests/flows/test_walk.py",
    ),
    Mutation(
        "nothing is looked for after a long stop",
        "domain/delivery.py",
        "return resumed_at is not None and",
        "return False and",
    ),
    Mutation(
        "two runs may work on one message",
        "adapters/outbox_table.py",
        '"version = :version"',
        '"attribute_exists(pk) OR version = :version"',
    ),
    Mutation(
        "a poll may write over what another one left",
        "adapters/batch_table.py",
        '"attribute_not_exists(pk) OR version = :version"',
        '"attribute_not_exists(pk) OR attribute_exists(pk)"',
    ),
    Mutation(
        "a page from the middle is taken to show all that it should",
        "flows/visit.py",
        "                failed = in_vain = 0",
        "                failed = in_vain = 0; self.learning.met_ids.update(window.ids)",
    ),
    Mutation(
        "a baseline is begun anew after a poll that failed",
        "flows/poll.py",
        "if watch is None or watch.base_url",
        "if watch is None or watch.failure or watch.base_url",
    ),
    Mutation(
        "an end is announced before its counts are known",
        "flows/learn.py",
        "if is_unsure and not batch.is_retrieved",
        "if is_unsure and False",
    ),
    Mutation(
        "all statuses are asked for",
        "domain/policy.py",
        "return batch.status in",
        "return True or batch.status in",
    ),
    Mutation(
        "a batch is gone when it is first not known",
        "domain/watch.py",
        "GONE_AFTER_S = 3600",
        "GONE_AFTER_S = 0",
    ),
    Mutation("a look in vain is not tried again", "domain/delivery.py", "MOST_LOOKS = 8", "MOST_LOOKS = 0"),
    Mutation(
        "a closed channel is tried after hours", "domain/delivery.py", "PROBE_S = 300", "PROBE_S = 21_600"
    ),
)


def main() -> int:
    survivors = 0
    for mutation in MUTATIONS:
        found = _found(mutation)
        survivors += found is None
        print(f"{mutation.what}: {found or 'NOT FOUND'}", flush=True)
    return bool(survivors)


def _found(mutation: Mutation) -> str | None:
    """What the proof says of a copy of src with the mutation."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(
            ROOT / "src", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
        )
        path = Path(folder, "batchbell", mutation.file)
        text = path.read_text()
        if text.count(mutation.old) != 1:
            raise SystemExit(f"{mutation.file} has not exactly one {mutation.old!r}: mend the mutation")
        path.write_text(text.replace(mutation.old, mutation.new))
        environ = {**os.environ, "PYTHONPATH": folder, "BRIEF": "1", "TIME": os.environ.get("TIME") or "600"}
        module = ["pytest", "-q", "-o", "pythonpath=.", mutation.test] if mutation.test else ["tests.proof"]
        command = [sys.executable, "-m", *module]
        proof = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    broken = re.search(r"(story \d+) breaks the promise:\n +(.*)|FAILED .*::(\w+)", proof.stdout)
    return ": ".join(filter(None, broken.groups())) if broken else None


if __name__ == "__main__":
    sys.exit(main())
