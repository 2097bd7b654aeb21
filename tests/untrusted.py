"""Anything that a server or its users may put into a notification, for property tests."""

from hypothesis import strategies as st

from batchbell.config import Config, Server
from batchbell.models import (
    Batch,
    BatchError,
    Deleted,
    KeyAccepted,
    KeyRefused,
    Notification,
    RequestCounts,
    Status,
    Subject,
    Usage,
    Watching,
)

_HOSTILE = (
    "<!channel>",
    "<@U0ALICE>",
    "<https://evil.example|your invoice>",
    "@here",
    "&lt;!here&gt;",
    "&" * 400,
    "`*_~|>",
    "a\nb\u2028c\x00\x1b[31m",
    "\u202e\u2066\u200f\ud800",
    "word " * 200,
    "\U0001f600" * 300,
)

texts = st.one_of(st.text(max_size=30), st.sampled_from(_HOSTILE))
_maybe_text = st.none() | texts
_counts = st.integers(-1, 10**12)
_times = st.none() | st.integers(-(10**15), 10**15) | st.integers(1_799_000_000, 1_800_000_000)
_pairs = st.tuples(texts | st.sampled_from(["description", "Job_Name"]), texts)
_errors = st.builds(BatchError, _maybe_text, _maybe_text, st.none() | st.integers(), _maybe_text)

batches: st.SearchStrategy[Batch] = st.builds(
    Batch,
    id=texts,
    status=st.sampled_from(list(Status)) | texts,
    created_at=_times,
    endpoint=_maybe_text,
    model=_maybe_text,
    completion_window=_maybe_text,
    input_file_id=_maybe_text,
    output_file_id=_maybe_text,
    error_file_id=_maybe_text,
    completed_at=_times,
    failed_at=_times,
    expired_at=_times,
    cancelled_at=_times,
    request_counts=st.none() | st.builds(RequestCounts, _counts, _counts, _counts),
    usage=st.none() | st.builds(Usage, _counts, _counts, _counts, _counts, _counts),
    metadata=st.lists(_pairs, max_size=16).map(tuple),
    errors=st.lists(_errors, max_size=30).map(tuple),
    errors_left_out=st.integers(0, 10**9),
    is_retrieved=st.booleans(),
)

_open_counts = st.integers(0, 10**6)
_subjects: st.SearchStrategy[Subject] = st.one_of(
    batches,
    st.builds(Deleted, batches, st.integers(0, 10**11)),
    st.builds(
        Watching, _counts, st.sampled_from(["installed", "base_url", "project"]), texts, _open_counts, _open_counts
    ),
    st.builds(KeyRefused, _counts, st.sampled_from([401, 403])),
    st.builds(KeyAccepted, _counts, _counts),
)

notifications = st.builds(Notification, st.text(min_size=1, max_size=80), st.integers(0, 10**11), _subjects)

_servers = st.builds(Server, texts | st.just("https://api.openai.com/v1"))
configs = st.builds(Config, texts, st.just("C0SEARCH"), st.just("batchbell-test"), _servers)
