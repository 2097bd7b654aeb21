import gzip
import logging
import traceback
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.domain.batch import Batch, Page
from batchbell.domain.errors import BatchbellError, PermanentError, RefusedError, TransientError
from local import openai_faults as faults
from local.openai_faults import Cut, Fault, Kind
from local.openai_simulator import AZURE, OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock

DEADLINE = NOW + 60
KEY = "sk-test"
EMPTY = {"object": "list", "data": [], "has_more": False}


class Time(Clock):
    """A clock that tells what was slept."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


class Keys:
    """The key as cached and as kept; reading it afresh renews the cache."""

    def __init__(self, cached: str = KEY, kept: str = KEY) -> None:
        self.cached, self.kept = cached, kept
        self.asked: list[bool] = []

    def __call__(self, afresh: bool) -> str:
        self.asked.append(afresh)
        if afresh:
            self.cached = self.kept
        return self.cached


@pytest.fixture
def openai() -> Iterator[OpenAISimulator]:
    with OpenAISimulator(clock=lambda: NOW, key=KEY) as simulator:
        yield simulator


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def client(openai: OpenAISimulator, time: Time) -> OpenAIBatches:
    return a_client(openai.base_url, time)


def a_client(base_url: str, time: Time, key: Any = None, api_version: str = "") -> OpenAIBatches:
    return OpenAIBatches(
        base_url,
        key or Keys(),
        api_version=api_version,
        clock=time,
        sleep=time.sleep,
        random=lambda: 0,
    )


def add_batches(openai: OpenAISimulator, number: int) -> list[str]:
    """Batches of one second each; their ids, newest first."""
    rows = [openai.add(created_at=NOW - number + place) for place in range(number)]
    return [row["id"] for row in reversed(rows)]


def ids(*pages: Page) -> list[str]:
    return [batch.id for page in pages for batch in page.batches]


def chain(error: BaseException | None) -> Iterator[BaseException]:
    while error:
        yield error
        error = error.__cause__ or error.__context__


# Listing


def test_a_page_holds_the_newest_batches_and_names_the_project(
    openai: OpenAISimulator, client: OpenAIBatches
) -> None:
    listed = add_batches(openai, 3)

    page = client.page(limit=2, deadline_at=DEADLINE)

    assert ids(page) == listed[:2]
    assert page.has_more is True
    assert page.project == "proj_test"
    assert openai.requests[0].query == {"limit": "2"}


def test_a_page_after_a_batch_holds_older_ones(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    listed = add_batches(openai, 3)

    page = client.page(after=listed[0], deadline_at=DEADLINE)

    assert ids(page) == listed[1:]
    assert page.has_more is False
    assert openai.requests[0].query == {"limit": "100", "after": listed[0]}


@pytest.mark.parametrize("project", [None, ""])
def test_a_server_without_projects_names_none(
    openai: OpenAISimulator, client: OpenAIBatches, project: str | None
) -> None:
    openai.project = project

    assert client.page(deadline_at=DEADLINE).project is None


@pytest.mark.parametrize("limit", [0, 101, -1, True, 5.0, "5", None])
def test_a_limit_that_the_api_does_not_take_is_never_sent(
    openai: OpenAISimulator, client: OpenAIBatches, limit: Any
) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        client.page(limit=limit, deadline_at=DEADLINE)

    assert openai.requests == []


def test_a_slash_at_the_end_of_the_base_url_is_dropped(openai: OpenAISimulator, time: Time) -> None:
    client = a_client(openai.base_url + "/", time)

    client.page(deadline_at=DEADLINE)

    assert client.base_url == openai.base_url
    assert openai.requests[0].path == "/v1/batches"


def test_all_pages_hold_every_batch_once(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    listed = add_batches(openai, 7)

    pages = list(all_pages(client, limit=3))

    assert ids(*pages) == listed
    assert [len(page.batches) for page in pages] == [3, 3, 1]


def test_a_cut_on_page_two_is_mended_by_another_try(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    listed = add_batches(openai, 4)
    openai.faults.append(faults.cut(Cut.WITHIN_BODY), on=Kind.NEXT_PAGE)

    assert ids(*all_pages(client, limit=2)) == listed


def test_page_one_is_had_before_page_two_fails(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    listed = add_batches(openai, 4)
    pages = all_pages(client, limit=2)

    first = next(pages)
    openai.down = faults.cut(Cut.WITHIN_BODY)

    assert ids(first) == listed[:2]
    with pytest.raises(TransientError):
        next(pages)


def all_pages(client: OpenAIBatches, limit: int) -> Iterator[Page]:
    """The pages, until the server says that there are no more."""
    after = None
    while True:
        page = client.page(after, limit, deadline_at=DEADLINE)
        yield page
        if not page.has_more:
            return
        after = page.batches[-1].id


# Retrieving


def test_a_retrieved_batch_says_so(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    row = openai.add("failed")

    batch = client.retrieve(row["id"], deadline_at=DEADLINE)

    assert isinstance(batch, Batch)
    assert (batch.id, batch.status, batch.is_retrieved) == (row["id"], "failed", True)


def test_an_unknown_batch_is_none(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    assert client.retrieve("batch_unknown", deadline_at=DEADLINE) is None
    assert len(openai.requests) == 1


@pytest.mark.parametrize(
    "batch_id", ["a/../../files", "../files", "a?limit=1", "a#b", "a b", "%2e%2e", "ü\ud800"]
)
def test_an_id_stays_within_its_part_of_the_path(
    openai: OpenAISimulator, client: OpenAIBatches, batch_id: str
) -> None:
    assert client.retrieve(batch_id, deadline_at=DEADLINE) is None

    asked = openai.requests[0]
    assert asked.kind is Kind.RETRIEVE
    assert asked.path.count("/") == 3
    assert asked.query == {}


@pytest.mark.parametrize("batch_id", ["", ".", ".."])
def test_an_id_that_would_be_another_path_is_not_asked_for(
    openai: OpenAISimulator, client: OpenAIBatches, batch_id: str
) -> None:
    assert client.retrieve(batch_id, deadline_at=DEADLINE) is None
    assert openai.requests == []


def test_an_id_of_any_form_is_found(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    openai.add(id="bätch/1+2 3%2F..")

    batch = client.retrieve("bätch/1+2 3%2F..", deadline_at=DEADLINE)

    assert batch is not None


def test_a_list_is_no_batch(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    openai.down = faults.raw(EMPTY)

    with pytest.raises(TransientError, match="Retrieve Batch answered 200 with something else"):
        client.retrieve("batch_1", deadline_at=DEADLINE)


# Trying again

PASSING = {
    "408": faults.error(408),
    "409": faults.error(409),
    "429": faults.error(429),
    "500": faults.error(500),
    "502 in HTML": faults.html(502),
    "529": faults.error(529),
    "a cut before the answer": faults.cut(Cut.BEFORE_HEAD),
    "a cut within the body": faults.cut(Cut.WITHIN_BODY),
    "200 in HTML": faults.html(200),
    "no bytes": faults.raw(b""),
    "not UTF-8": faults.raw(b'"\xff"'),
    "endless nesting": faults.raw(b"[" * 100_000),
    "not a list": faults.raw({"object": "batch"}),
    "a broken encoding": faults.raw(b"{}", headers={"content-encoding": "gzip"}),
    "400 to be tried again": faults.error(400, headers={"x-should-retry": "true"}),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again_after_growing_waits(
    openai: OpenAISimulator, client: OpenAIBatches, time: Time, fault: Fault
) -> None:
    openai.faults.append(fault, times=4)

    assert client.page(deadline_at=DEADLINE) == Page((), has_more=False, project="proj_test")
    assert time.slept == [0.5, 1, 2, 4]


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_does_not_pass_is_transient_after_five_tries(
    openai: OpenAISimulator, client: OpenAIBatches, fault: Fault
) -> None:
    openai.down = fault

    with pytest.raises(TransientError, match="^List Batches"):
        client.page(deadline_at=DEADLINE)

    assert len(openai.requests) == 5


def test_a_server_that_is_not_there_is_transient(time: Time) -> None:
    with OpenAISimulator() as stopped:
        base_url = stopped.base_url

    with pytest.raises(TransientError, match=r"List Batches: no answer \(ConnectionError\)"):
        a_client(base_url, time).page(deadline_at=DEADLINE)


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": formatdate(NOW + 9, usegmt=True)}, 9),
        ({"retry-after": "120"}, 120),
        ({"retry-after": "soon"}, 0.5),
    ],
)
def test_the_wait_that_the_server_asks_for_is_kept(
    openai: OpenAISimulator, client: OpenAIBatches, time: Time, headers: dict[str, str], wait_s: float
) -> None:
    openai.faults.append(faults.error(429, headers=headers))

    client.page(deadline_at=NOW + 200)

    assert time.slept == [wait_s]


@pytest.mark.parametrize(("wait_s", "deadline_at"), [(121, NOW + 900), (60, NOW + 60)])
def test_a_wait_too_long_is_left_to_the_caller(
    openai: OpenAISimulator, client: OpenAIBatches, time: Time, wait_s: int, deadline_at: float
) -> None:
    openai.faults.append(faults.error(503, headers={"retry-after": str(wait_s)}))

    with pytest.raises(TransientError):
        client.page(deadline_at=deadline_at)

    assert time.slept == []


@pytest.mark.parametrize(
    "fault",
    [
        faults.error(500, headers={"x-should-retry": "false"}),
        faults.error(429, "insufficient_quota"),
        faults.raw({"error": {"type": "insufficient_quota", "code": None}}, 429, {"x-should-retry": "true"}),
    ],
    ids=["x-should-retry: false", "insufficient_quota", "insufficient_quota by type"],
)
def test_what_will_not_pass_soon_is_transient_at_once(
    openai: OpenAISimulator, client: OpenAIBatches, fault: Fault
) -> None:
    openai.down = fault

    with pytest.raises(TransientError):
        client.page(deadline_at=DEADLINE)

    assert len(openai.requests) == 1


# The deadline


def test_after_the_deadline_nothing_is_asked(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    with pytest.raises(TransientError, match="no time left"):
        client.page(deadline_at=NOW)

    assert openai.requests == []


def test_no_try_is_begun_that_the_deadline_would_not_let_begin(
    openai: OpenAISimulator, client: OpenAIBatches, time: Time
) -> None:
    openai.down = faults.error(500)

    with pytest.raises(TransientError):
        client.page(deadline_at=NOW + 3.5)

    assert time.slept == [0.5, 1]


@pytest.mark.parametrize("fault", [faults.slow(600), faults.trickle(600)], ids=["no head", "no body"])
def test_an_answer_that_does_not_come_is_not_waited_for(
    openai: OpenAISimulator, client: OpenAIBatches, fault: Fault
) -> None:
    openai.down = fault

    with pytest.raises(TransientError, match="Timeout"):
        client.page(deadline_at=NOW + 0.05)


@pytest.mark.parametrize(("left_s", "timeout"), [(60, (5, 20)), (12, (5, 12)), (3, (3, 3))])
def test_a_try_is_given_no_longer_than_the_time_left(
    openai: OpenAISimulator, time: Time, left_s: float, timeout: tuple[float, float]
) -> None:
    given: list[Any] = []

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            given.append(options["timeout"])
            return super().send(request, **options)

    client = OpenAIBatches(openai.base_url, Keys(), clock=time, new_session=Session)

    client.page(deadline_at=NOW + left_s)

    assert given == [timeout]


def test_a_trickle_is_cut_at_the_deadline(openai: OpenAISimulator) -> None:
    ticks = iter(range(NOW, NOW + 1000, 10))
    client = OpenAIBatches(openai.base_url, Keys(), clock=lambda: next(ticks))
    openai.down = faults.trickle(0.02)

    with pytest.raises(TransientError, match="ReadTimeout"):
        client.page(deadline_at=NOW + 60)

    assert next(ticks) <= NOW + 80


def test_a_body_without_end_is_cut(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    body = b" " * (33 * 2**20) + b"[]"
    openai.down = faults.raw(body, headers={"x-should-retry": "false"})

    with pytest.raises(TransientError, match="something else"):
        client.page(deadline_at=DEADLINE)


def test_a_compressed_answer_in_chunks_is_read(openai: OpenAISimulator, client: OpenAIBatches) -> None:
    squeezed = gzip.compress(b'{"data": [{"id": "batch_1", "status": "failed"}]}')
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in squeezed) + b"0\r\n\r\n"
    headers = {"transfer-encoding": "chunked", "content-encoding": "gzip"}
    openai.faults.append(faults.raw(chunks, headers=headers), times=2)

    assert ids(client.page(deadline_at=DEADLINE), client.page(deadline_at=DEADLINE)) == ["batch_1"] * 2


# Refusals and mistakes


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_read_afresh_once_and_then_told(
    openai: OpenAISimulator, time: Time, status: int
) -> None:
    openai.down = faults.error(status, "invalid_api_key")
    keys = Keys()

    with pytest.raises(RefusedError, match=rf"List Batches answered {status} \(invalid_api_key\)") as caught:
        a_client(openai.base_url, time, keys).page(deadline_at=DEADLINE)

    assert caught.value.status == status
    assert keys.asked == [False, True]
    assert len(openai.requests) == 1


def test_a_rotated_key_is_taken_up_without_an_error(openai: OpenAISimulator, time: Time) -> None:
    openai.key = "sk-new"
    keys = Keys(cached="sk-old", kept="sk-new")
    client = a_client(openai.base_url, time, keys)

    client.page(deadline_at=DEADLINE)
    client.page(deadline_at=DEADLINE)

    assert keys.asked == [False, True, False]
    assert len(openai.requests) == 3
    assert time.slept == []


def test_a_rotated_key_that_is_refused_too_is_told(openai: OpenAISimulator, time: Time) -> None:
    keys = Keys(cached="sk-old", kept="sk-wrong")

    with pytest.raises(RefusedError):
        a_client(openai.base_url, time, keys).page(deadline_at=DEADLINE)

    assert keys.asked == [False, True]
    assert len(openai.requests) == 2


@pytest.mark.parametrize(
    "key", ["", "sk-secret\n", "sk-\r\nsecret", "sk secret", "sk-secret\u2013", "\x00secret"]
)
def test_a_key_that_no_header_takes_is_told_and_not_shown(
    openai: OpenAISimulator, time: Time, key: str
) -> None:
    with pytest.raises(PermanentError, match="the OpenAI API key is empty") as caught:
        a_client(openai.base_url, time, Keys(cached=key)).page(deadline_at=DEADLINE)

    assert "secret" not in "".join(traceback.format_exception(caught.value))
    assert openai.requests == []


@pytest.mark.parametrize("status", [400, 402, 405, 422])
def test_any_other_refusal_needs_a_person(
    openai: OpenAISimulator, client: OpenAIBatches, status: int
) -> None:
    openai.down = faults.error(status, "some_code")

    with pytest.raises(PermanentError) as caught:
        client.page(deadline_at=DEADLINE)

    assert str(caught.value) == f"List Batches answered {status} (some_code)"
    assert len(openai.requests) == 1


def test_an_address_without_a_list_of_batches_says_what_to_look_at(
    openai: OpenAISimulator, time: Time
) -> None:
    client = a_client(openai.base_url.removesuffix("/v1"), time)

    with pytest.raises(PermanentError, match="List Batches answered 404.*: OpenAIBaseUrl may lack a part"):
        client.page(deadline_at=DEADLINE)

    assert len(openai.requests) == 1


@pytest.mark.parametrize("api_version", ["", "2024-10-21"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(
    openai: OpenAISimulator, time: Time, status: int, api_version: str
) -> None:
    client = a_client(openai.base_url, time, api_version=api_version)
    with OpenAISimulator() as elsewhere:
        openai.down = faults.redirect(f"{elsewhere.base_url}/batches", status)

        with pytest.raises(PermanentError, match="a redirect: set OpenAIBaseUrl"):
            client.page(deadline_at=DEADLINE)

        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "base_url", ["", "api.openai.com", "ftp://127.0.0.1", "http://", "http://a b/", "http://[/"]
)
def test_a_base_url_that_is_none_needs_a_person(time: Time, base_url: str) -> None:
    with pytest.raises(PermanentError, match="OpenAIBaseUrl is no address that can be asked"):
        a_client(base_url, time).page(deadline_at=DEADLINE)


# The key

EVERY_TROUBLE = PASSING | {
    "401": faults.error(401),
    "403": faults.error(403),
    "404": faults.error(404),
    "the key itself": faults.raw({"error": {"code": "sk-hush-1234", "message": "sk-hush-1234"}}, 400),
    "a redirect": faults.redirect("http://127.0.0.1:1/"),
    "a redirect to nowhere": faults.redirect("http://[/"),
    "too late": faults.slow(600),
}


@pytest.mark.parametrize("api_version", ["", "2024-10-21"])
@pytest.mark.parametrize("fault", EVERY_TROUBLE.values(), ids=EVERY_TROUBLE)
def test_the_key_is_in_no_error_and_no_log(
    openai: OpenAISimulator, time: Time, caplog: pytest.LogCaptureFixture, fault: Fault, api_version: str
) -> None:
    caplog.set_level(logging.DEBUG)
    openai.key, openai.down = "sk-hush-1234", fault
    client = a_client(openai.base_url, time, Keys("sk-hush-1234", "sk-hush-1234"), api_version)

    with pytest.raises(BatchbellError) as caught:
        client.page(deadline_at=NOW + 0.05 if fault is EVERY_TROUBLE["too late"] else DEADLINE)

    told = [*traceback.format_exception(caught.value), caplog.text]
    told += [f"{error!r} {vars(error)}" for error in chain(caught.value)]
    assert "1234" not in "".join(told)


def test_a_refusal_does_not_pass_on_the_end_of_the_key(openai: OpenAISimulator, time: Time) -> None:
    with pytest.raises(RefusedError) as caught:
        a_client(openai.base_url, time, Keys("sk-hush-1234", "sk-hush-1234")).page(deadline_at=DEADLINE)

    assert "1234" not in str(caught.value)


@pytest.mark.parametrize("api_version", ["", "2024-10-21"])
def test_a_netrc_neither_replaces_the_key_nor_adds_another(
    time: Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api_version: str
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))

    sent = headers_sent("https://llm.example.com/v1", time, api_version)

    assert {name: sent[name] for name in ("Authorization", "api-key") if name in sent} == (
        {"api-key": KEY} if api_version else {"Authorization": f"Bearer {KEY}"}
    )


def test_a_proxy_named_in_the_environment_is_used(
    openai: OpenAISimulator, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = add_batches(openai, 1)
    monkeypatch.setenv("http_proxy", openai.base_url.removesuffix("/v1"))

    page = a_client("http://openai.invalid/v1", time).page(deadline_at=DEADLINE)

    assert ids(page) == listed


# Azure


@pytest.mark.parametrize(
    ("base_url", "api_version", "header"),
    [
        ("https://contoso.openai.azure.com/openai/v1", "", "api-key"),
        ("https://llm.example.com/openai", "2024-10-21", "api-key"),
        ("https://llm.example.com/openai", "", "Authorization"),
        ("https://api.openai.com/v1", "", "Authorization"),
    ],
)
def test_the_key_goes_into_the_one_header_that_the_server_reads(
    time: Time, base_url: str, api_version: str, header: str
) -> None:
    sent = headers_sent(base_url, time, api_version)

    assert [name for name, value in sent.items() if KEY in value] == [header]


def test_every_request_to_azure_names_the_version(openai: OpenAISimulator, time: Time) -> None:
    openai.dialect = AZURE
    listed = add_batches(openai, 3)
    client = a_client(openai.base_url, time, api_version=AZURE.api_version)

    pages = list(all_pages(client, limit=2))
    batch = client.retrieve(listed[0], deadline_at=DEADLINE)

    assert ids(*pages) == listed
    assert batch is not None
    assert [asked.query.get("api-version") for asked in openai.requests] == [AZURE.api_version] * 3


def test_a_version_that_azure_does_not_know_says_what_to_look_at(openai: OpenAISimulator, time: Time) -> None:
    openai.dialect = AZURE
    client = a_client(openai.base_url, time, api_version="2023-05-15")

    with pytest.raises(
        PermanentError, match="answered 404: OpenAIBaseUrl should end in /openai with an Open"
    ):
        client.page(deadline_at=DEADLINE)


def headers_sent(base_url: str, time: Time, api_version: str) -> dict[str, str]:
    """The headers with which a request would have left this machine."""
    sent: dict[str, str] = {}

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            sent.update({name: str(value) for name, value in request.headers.items()})
            raise requests.ConnectionError

    client = OpenAIBatches(
        base_url, Keys(), api_version=api_version, clock=time, sleep=time.sleep, new_session=Session
    )
    with suppress(TransientError):
        client.page(deadline_at=DEADLINE)
    return sent


# Anything at all


def test_whatever_json_a_server_sends_is_a_page_or_transient() -> None:
    json = st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["data", "has_more", "id", "status"]), inner)
        ),
        max_leaves=10,
    )
    with OpenAISimulator() as openai:

        @settings(deadline=None)
        @given(json)
        def check(content: object) -> None:
            openai.down = faults.raw(content, headers={"x-should-retry": "false"})
            with suppress(TransientError):
                assert isinstance(a_client(openai.base_url, Time()).page(deadline_at=DEADLINE), Page)

        check()
