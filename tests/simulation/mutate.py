"""Take away the rules that keep the promise, one at a time, and see whether the simulation finds out."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Description | file in src/batchbell | old text | new text | a test, for what no schedule is long enough.
MUTATIONS = """
the old status is no condition of a record | adapters/batch_table.py | "#status = :old" | "attribute_exists(#status)"
a record has no condition | adapters/batch_table.py | "ConditionExpression": condition | \
"ConditionExpression": condition and "attribute_exists(pk) OR attribute_not_exists(pk)"
a lease lasts 0 s | domain/delivery.py | LEASE_S = 180 | LEASE_S = 0
nothing is found before it is posted again | flows/deliver.py | if since is None: | if since is None or message.version:
the cursor has no overlap | domain/cursor.py | OVERLAP_S = 300 | OVERLAP_S = 0
an ended batch may be open again | domain/diff.py | or old_status in TERMINAL | or False
a repeated page does not end the list | domain/cursor.py | new_ids == 0 | new_ids < 0
a poll may read any number of pages | flows/walk.py | MOST_PAGES = 1000 | MOST_PAGES = 10**9 | tests/flows/test_walk.py
two runs may post one message | adapters/outbox_table.py | "version = :version" | \
"attribute_exists(pk) OR version = :version"
a poll may write over another's state | adapters/batch_table.py | "attribute_not_exists(pk) OR version = :version" | \
"attribute_not_exists(pk) OR attribute_exists(pk)"
a page is taken to show all that it should | flows/visit.py |                 failed = in_vain = 0 | \
                failed = in_vain = 0; self.learning.met_ids.update(window.ids)
a baseline begins anew after a failed poll | flows/poll.py | if watch is None or watch.base_url | \
if watch is None or watch.failure or watch.base_url
an end is announced before its counts are known | flows/learn.py | if is_unsure and not batch.is_retrieved | \
if is_unsure and False
all statuses are selected | domain/policy.py | return batch.status in | return True or batch.status in
a batch is deleted at the first 404 | domain/watch.py | GONE_AFTER_S = 3600 | GONE_AFTER_S = 0
the history is read once | domain/delivery.py | MOST_LOOKS = 8 | MOST_LOOKS = 0
a blocked channel is tried after hours | domain/delivery.py | PROBE_S = 300 | PROBE_S = 21_600
"""


def main() -> int:
    survivors = 0
    for line in MUTATIONS.strip().splitlines():
        description, *mutation = line.split(" | ")
        found = _found(*mutation)
        survivors += found is None
        print(f"{description}: {found or 'NOT FOUND'}", flush=True)
    return bool(survivors)


def _found(file: str, old: str, new: str = "", test: str = "") -> str | None:
    """What the simulation says of a copy of src with the mutation."""
    with tempfile.TemporaryDirectory() as folder:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "src", folder, dirs_exist_ok=True, ignore=ignored)
        path = Path(folder, "batchbell", file)
        text = path.read_text()
        if text.count(old) != 1:
            raise SystemExit(f"{file} does not hold {old!r} exactly once: correct the mutation")
        path.write_text(text.replace(old, new))
        environ = {**os.environ, "PYTHONPATH": folder, "BRIEF": "1", "TIME": os.environ.get("TIME") or "600"}
        module = ["pytest", "-q", "-o", "pythonpath=.", test] if test else ["tests.simulation"]
        command = [sys.executable, "-m", *module]
        done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    broken = re.search(r"(seed \d+) breaks the promise:\n +(.*)|FAILED .*::(\w+)", done.stdout)
    return ": ".join(filter(None, broken.groups())) if broken else None


if __name__ == "__main__":
    sys.exit(main())
