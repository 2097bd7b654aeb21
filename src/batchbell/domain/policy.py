"""Policy: which transitions a team wants to hear of."""

from dataclasses import dataclass

from batchbell.domain.batch import Batch, Status, normalised
from batchbell.domain.verdict import Verdict, verdict_for

_WITH_FAILURES = frozenset({Verdict.PARTLY_FAILED, Verdict.ALL_FAILED})

MetadataFilter = tuple[tuple[str, frozenset[str]], ...]


@dataclass(frozen=True, slots=True)
class Policy:
    """`notify_on` names statuses; `retention_s` is how old an end may be when it is first told.

    Each pair of `metadata_filter` names a key and the values that it may have.
    """

    notify_on: frozenset[str]
    metadata_filter: MetadataFilter
    retention_s: int

    def selects(self, batch: Batch) -> bool:
        """Whether this team wants to hear of this batch in its present status.

        `failed` stands for all that went wrong: also for a completed batch with failed requests.
        """
        if not self.concerns(batch):
            return False
        # A list may show a batch completed before it shows its counts.
        is_unsure = verdict_for(batch) is Verdict.UNKNOWN and not batch.is_retrieved
        is_failure = Status.FAILED in self.notify_on and (is_unsure or has_failures(batch))
        return batch.status in self.notify_on or is_failure

    @property
    def filter_text(self) -> str:
        """The metadata filter as it is written."""
        return ",".join(f"{key}={'|'.join(sorted(values))}" for key, values in self.metadata_filter)

    def concerns(self, batch: Batch) -> bool:
        """Whether the batch is this team's, by its metadata."""
        metadata = dict(batch.metadata)
        return all(metadata.get(key) in values for key, values in self.metadata_filter)


def has_failures(batch: Batch) -> bool:
    """Whether any of its requests failed, as far as can be told."""
    verdict = verdict_for(batch)
    return verdict in _WITH_FAILURES or (verdict is Verdict.UNKNOWN and batch.error_file_id is not None)


def notify_on_from(text: str) -> frozenset[str]:
    """The statuses of a comma-separated list, in the API's spelling. Raises: ValueError."""
    statuses = frozenset(normalised(word) for word in text.split(",") if word.strip())
    if not statuses:
        raise ValueError("NotifyOn names no status: give one or more, such as completed,failed")
    return statuses


def metadata_filter_from(text: str) -> MetadataFilter:
    """`team=search,env=prod|staging` as pairs: `,` means and, `|` means or. Raises: ValueError."""
    pairs = []
    for part in filter(str.strip, text.split(",")):
        key, equals, values = part.partition("=")
        if not key.strip() or not equals:
            raise ValueError(f"MetadataFilter wants key=value, not {part.strip()!r}")
        pairs.append((key.strip(), frozenset(value.strip() for value in values.split("|"))))
    return tuple(pairs)
