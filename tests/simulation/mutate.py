"""Take away the rules that keep the promise, one at a time, and see whether the simulation finds out."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]

SCENARIOS = "tests/simulation/test_scenarios.py"

# Description | file in src/batchbell | old text | new text | a test, for what no schedule is long enough.
MUTATIONS = f"""
the old status is no condition of a record | aws/store.py | condition = "#status = :old" | \
condition = "attribute_exists(#status)"
a record has no condition | aws/store.py | {{adds}}", "ConditionExpression": condition}} | \
{{adds}}", "ConditionExpression": condition and "attribute_exists(#pk) OR attribute_not_exists(#pk)"}}
a poll may write over another's state | aws/store.py | "attribute_not_exists(#pk) OR #version = :version" | \
"attribute_not_exists(#pk) OR attribute_exists(#pk)"
two runs may post one message | aws/store.py | ConditionExpression="#version = :version" | \
ConditionExpression="attribute_exists(#pk) OR #version = :version"
the cursor has no overlap | poll/cursor.py | OVERLAP_S = 300 | OVERLAP_S = 0
one row shows that a page is past | poll/cursor.py | page.batches[-2:] | page.batches[-1:] | {SCENARIOS}
an empty page always ends the list | poll/cursor.py | page.has_more is not True and not was_promised | \
page.has_more is not True | tests/poll/test_cursor.py
a lost place in the list is not noticed | poll/poller.py | new[:1] != [expected] | False | tests/poll/test_poller.py
a repeated page does not end the list | poll/poller.py | if ends or not new: | if ends:
a poll may read any number of pages | poll/poller.py | MAX_PAGES = 1000 | MAX_PAGES = 10**9 | tests/poll/test_many.py
a page is taken to show all that it should | poll/poller.py | self.unseen.difference_update(known) | \
self.unseen.clear()
the turn of the checks by id does not move | poll/poller.py | checked_to = positions[id] | pass | {SCENARIOS}
a baseline begins anew after a failed poll | poll/poller.py | if state is None or state.base_url | \
if state is None or state.failure or state.base_url
an end is announced before its counts are known | poll/poller.py | if change and change.notification and lacks_counts(batch): | if False:
an ended batch may be open again | poll/changes.py | if recorded.status in TERMINAL: | if False:
a batch is deleted at the first 404 | poll/changes.py | DELETED_AFTER_S = 3600 | DELETED_AFTER_S = 0
a 404 is not forgotten | poll/changes.py |  and recorded.missing_since is None |  | {SCENARIOS}
an open batch is not followed to another server | poll/changes.py | recorded.scope == self.scope and |  | {SCENARIOS}
all statuses are selected | config.py | (batch.status in self.notify_on or is_failure) | (True or is_failure)
reasons are written over what another run has sent | aws/store.py | ["Put"], **_if_unchanged(notification)}}}} | \
["Put"]}}}}
a lease lasts 0 s | notify/delivery.py | LEASE_S = 180 | LEASE_S = 0
nothing is found before it is posted again | notify/delivery.py | if message[0].unknown_since is None: | if True:
the history is read once | notify/delivery.py | MAX_TRIES = 8 | MAX_TRIES = 0
a blocked channel is tried after hours | notify/delivery.py | BLOCKED_S = 300 | BLOCKED_S = 21_600
news of an earlier status is posted after the end | notify/delivery.py | self._drop_superseded() | pass | {SCENARIOS}
a digest is not broken up | notify/delivery.py | case Failure.MALFORMED if len(message) > 1: | case Failure.MALFORMED if False: | \
{SCENARIOS}
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
