"""OpenAI is asked as its own package asks, in time, and nothing secret comes back."""

import gzip
import logging
import traceback
from collections.abc import Iterator
from contextlib import suppress
from email.utils import formatdate
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from batchbell.config import Server
from batchbell.errors import AuthenticationError, BatchbellError, NotFoundError, PermanentError, TransientError
from batchbell.models import Batch, Page
from batchbell.openai.client import OpenAIClient
from batchbell.openai.parse import parse_retrieved
from local import openai_faults as faults
from local.openai_faults import Cut, Fault, Kind
from local.openai_simulator import Dialect, OpenAISimulator
from tests.builders import NOW
from tests.clock import Clock

DEADLINE = NOW + 60
KEY = "sk-test"
VERSION = "2024-10-21"


class Environment:
    """A client, the server that it asks, its key as cached and as stored, and the time it spends."""

    def __init__(self, openai: OpenAISimulator) -> None:
        self.openai = openai
        self.base_url = openai.base_url
        self.clock = Clock()
        self.slept: list[float] = []
        self.cached = self.stored = KEY
        self.keys_read: list[bool] = []

    def client(self, version: str = "", **given: Any) -> OpenAIClient:
        given = {"clock": self.clock, "sleep": self.sleep, "random": lambda: 0} | given
        return OpenAIClient(Server(self.base_url, version), self.key, **given)

    def page(self, deadline_at: float = DEADLINE, **given: Any) -> Page:
        return self.client(**given).list_page(deadline_at=deadline_at)

    def error(self, deadline_at: float = DEADLINE, **given: Any) -> BatchbellError:
        with pytest.raises(BatchbellError) as caught:
            self.page(deadline_at, **given)
        return caught.value

    def add(self, number: int) -> list[str]:
        """Add batches of one second each; return their ids, newest first."""
        rows = [self.openai.add(created_at=NOW - number + index) for index in range(number)]
        return [row["id"] for row in reversed(rows)]

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.clock.at += seconds

    def key(self, afresh: bool) -> str:
        self.keys_read.append(afresh)
        if afresh:
            self.cached = self.stored
        return self.cached


@pytest.fixture
def env() -> Iterator[Environment]:
    with OpenAISimulator(clock=lambda: NOW) as openai:
        yield Environment(openai)


def ids(*pages: Page) -> list[str]:
    return [batch.id for page in pages for batch in page.batches]


def test_a_page_holds_the_newest_batches_and_names_the_project(env: Environment) -> None:
    listed = env.add(3)

    page = env.client().list_page(limit=2, deadline_at=DEADLINE)

    assert ids(page) == listed[:2]
    assert (page.has_more, page.project, page.organization) == (True, "proj_test", "org-test")
    assert env.openai.requests[0].query == {"limit": "2"}


@pytest.mark.parametrize("limit", [0, 101, -1])
def test_a_limit_that_the_api_does_not_take_is_never_sent(env: Environment, limit: int) -> None:
    with pytest.raises(ValueError, match="from 1 to 100"):
        env.client().list_page(limit=limit, deadline_at=DEADLINE)


def test_all_pages_hold_every_batch_once_in_spite_of_a_cut(env: Environment) -> None:
    listed = env.add(7)
    env.openai.faults.append(faults.cut(Cut.WITHIN_BODY), on=Kind.NEXT_PAGE)

    pages = list(env.client().paginate(limit=3, deadline_at=DEADLINE))

    assert ids(*pages) == listed
    assert [len(page.batches) for page in pages] == [3, 3, 1]
    assert env.openai.requests[-1].query == {"limit": "3", "after": listed[5]}


ROW = {"id": "batch_1", "status": "failed"}
LAST_PAGES: dict[str, tuple[object, int]] = {
    "empty, but promises more": ({"data": [], "has_more": True}, 1),
    "the same for ever": ({"data": [ROW], "has_more": True}, 2),
    "silent about more": ({"data": [ROW]}, 2),
    "a bare array": ([ROW], 1),
}


@pytest.mark.parametrize(("page", "pages"), LAST_PAGES.values(), ids=LAST_PAGES)
def test_a_list_ends_where_a_page_shows_nothing_new(env: Environment, page: object, pages: int) -> None:
    env.openai.down = faults.raw(page)

    assert len(list(islice(env.client().paginate(deadline_at=DEADLINE), 9))) == pages


def test_a_batch_is_retrieved_by_an_id_of_any_form(env: Environment) -> None:
    sent = env.openai.add("failed", id="bätch/1+2 3%2F..")

    row = env.client().retrieve(sent["id"], deadline_at=DEADLINE)

    assert row == parse_retrieved(sent, sent["id"])


ODD_IDS = ["batch_unknown", "a/../../files", "../files", "a?limit=1", "a#b", "a b", "%2e%2e", "ü\ud800"]


@pytest.mark.parametrize("batch_id", [*ODD_IDS, "", ".", ".."])
def test_an_unknown_id_is_none_and_never_another_path(env: Environment, batch_id: str) -> None:
    assert env.client().retrieve(batch_id, deadline_at=DEADLINE) is None

    sent = [(request.kind, request.path.count("/"), request.query) for request in env.openai.requests]
    assert sent == ([(Kind.RETRIEVE, 3, {})] if batch_id in ODD_IDS else [])


# Trying again

PASSING = {
    **{str(status): faults.error(status) for status in (408, 409, 429, 500, 529)},
    "502 in HTML": faults.html(502),
    "a cut before the answer": faults.cut(Cut.BEFORE_HEAD),
    "a cut within the body": faults.cut(Cut.WITHIN_BODY),
    "200 in HTML": faults.html(200),
    "not UTF-8": faults.raw(b'"\xff"'),
    "endless nesting": faults.raw(b"[" * 100_000),
    "not a list": faults.raw({"object": "batch"}),
    "a broken encoding": faults.raw(b"{}", headers={"content-encoding": "gzip"}),
    "400 to be tried again": faults.error(400, headers={"x-should-retry": "true"}),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_may_pass_is_tried_again_four_times_after_growing_waits(env: Environment, fault: Fault) -> None:
    env.openai.faults.append(fault, times=9)

    assert isinstance(env.error(), TransientError)
    assert env.page() == Page((), False, "proj_test", "org-test")
    assert env.slept == [0.5, 1, 2, 4] * 2


@pytest.mark.parametrize(("random", "waits"), [(0, [0.5, 1, 2, 4, 8, 8]), (1, [0.375, 0.75, 1.5, 3, 6, 6])])
def test_waits_grow_to_eight_seconds_less_up_to_a_quarter(env: Environment, random: int, waits: Any) -> None:
    env.openai.down = faults.error(500)

    env.error(tries=7, random=lambda: random)

    assert env.slept == waits


PAST, SOON = (formatdate(at, usegmt=True) for at in (NOW - 9, NOW + 9))


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": SOON}, 9),
        ({"retry-after": "120"}, 120),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "7"}, 7),
        *[({"retry-after": text}, 0.5) for text in (PAST, "-1", "0", "nan", "soon", "")],
    ],
)
def test_the_wait_that_the_server_asks_for_is_kept(env: Environment, headers: Any, wait_s: float) -> None:
    env.openai.faults.append(faults.error(429, headers=headers))

    env.page(NOW + 200)

    assert env.slept == [wait_s]


LASTING = {
    "x-should-retry: false": faults.error(500, headers={"x-should-retry": "false"}),
    "a long retry-after": faults.error(503, headers={"retry-after": "121"}),
    "a quota": faults.error(429, "insufficient_quota"),
    "a quota by type": faults.raw({"error": {"type": "insufficient_quota"}}, 429, {"x-should-retry": "true"}),
}


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
def test_what_will_not_pass_soon_is_transient_at_once(env: Environment, fault: Fault) -> None:
    env.openai.down = fault

    assert isinstance(env.error(NOW + 900), TransientError)
    assert len(env.openai.requests) == 1


@pytest.mark.parametrize(
    ("left_s", "retry_after", "slept", "tries"), [(0, "", [], 0), (3.5, "", [0.5, 1], 3), (3.5, "3.5", [], 1)]
)
def test_no_try_begins_after_the_deadline(
    env: Environment, left_s: float, retry_after: str, slept: list[float], tries: int
) -> None:
    env.openai.down = faults.error(500, headers={"retry-after": retry_after})

    assert isinstance(env.error(NOW + left_s), TransientError)
    assert (env.slept, len(env.openai.requests)) == (slept, tries)


@pytest.mark.parametrize("fault", [faults.slow(600), faults.trickle(600)], ids=["no head", "no body"])
def test_an_answer_that_does_not_come_is_not_waited_for(env: Environment, fault: Fault) -> None:
    env.openai.down = fault

    assert "Timeout" in str(env.error(NOW + 0.05))


def test_a_trickle_is_cut_at_the_deadline_and_a_long_body_at_its_limit(env: Environment) -> None:
    ticks = count(NOW, 10)
    env.openai.faults.append(faults.trickle(0.02))
    env.openai.faults.append(faults.raw(b" " * (33 * 2**20) + b"[]"))

    assert "ReadTimeout" in str(env.error(clock=lambda: next(ticks)))
    assert next(ticks) <= DEADLINE + 20
    assert str(env.error()) == "List Batches answered 200 (body_too_large): it is longer than 32 MiB"
    assert env.slept == []


def test_a_long_body_of_a_failing_server_may_pass(env: Environment) -> None:
    env.openai.down = faults.raw(b" " * (33 * 2**20), 503)

    assert isinstance(env.error(tries=1), TransientError)


def test_of_a_batch_that_is_too_large_the_beginning_is_read_once(env: Environment) -> None:
    head = b'{"id": "batch_1", "status": "completed", "completed_at": 1714000000, "results": ["'
    env.openai.down = faults.raw(head + b"x" * (35 * 2**20) + b'"], "request_counts": {"total": 1}}')

    row = env.client().retrieve("batch_1", deadline_at=DEADLINE)

    assert row is not None
    assert row.batch == Batch("batch_1", "completed", completed_at=1714000000, is_retrieved=True)
    assert len(env.openai.requests) == 1


def test_a_compressed_answer_in_chunks_is_read(env: Environment) -> None:
    squeezed = gzip.compress(b'{"data": [{"id": "batch_1", "status": "failed"}]}')
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in squeezed) + b"0\r\n\r\n"
    env.openai.down = faults.raw(chunks, headers={"transfer-encoding": "chunked", "content-encoding": "gzip"})
    client = env.client()

    assert ids(*(client.list_page(deadline_at=DEADLINE) for _ in range(2))) == ["batch_1"] * 2


# Errors


@pytest.mark.parametrize(("stored", "requests_sent"), [("sk-old", 1), ("sk-wrong", 2)])
def test_a_refused_key_is_read_afresh_once(env: Environment, stored: str, requests_sent: int) -> None:
    env.cached, env.stored = "sk-old", stored

    error = env.error()

    assert isinstance(error, AuthenticationError)
    assert str(error) == "List Batches answered 401 (invalid_api_key): the API key was refused"
    assert (error.status, error.code, error.needed) == (401, "invalid_api_key", None)
    assert env.keys_read == [False, True]
    assert len(env.openai.requests) == requests_sent


def test_a_rotated_key_is_taken_up_without_an_error(env: Environment) -> None:
    env.cached = "sk-old"

    env.page(tries=1)
    env.page(tries=1)

    assert env.keys_read == [False, True, False]
    assert len(env.openai.requests) == 3


def test_the_permission_that_a_restricted_key_lacks_is_named(env: Environment) -> None:
    text = "You have insufficient permissions. Missing scopes: api.batch.read. Check."
    env.openai.down = faults.raw(faults.error_body(text, "missing_scope"), 403)

    error: Any = env.error()

    named = (error.status, error.code, error.needed)
    assert (type(error), named) == (AuthenticationError, (403, "missing_scope", "api.batch.read"))


@pytest.mark.parametrize("key", ["", "sk-secret\n", "sk-\r\nsecret", "sk secret", "sk-secret\u2013", "\x00secret"])
def test_a_key_that_no_header_takes_is_reported_and_not_shown(env: Environment, key: str) -> None:
    env.cached = key

    error = env.error()

    assert type(error) is PermanentError
    assert "secret" not in "".join(traceback.format_exception(error))
    assert env.openai.requests == []


ODD_CODES = ["sk-1234", 5, "a b", "x" * 65, None]


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (400, {"error": {"code": "some_code", "type": "t"}}, "some_code"),
        (422, {"error": {"type": "some_type"}}, "some_type"),
        (405, {"error": "text"}, None),
        *[(402, {"error": {"code": odd, "type": "t"}}, "t") for odd in ODD_CODES],
    ],
)
def test_any_other_4xx_needs_a_person(env: Environment, status: int, body: object, code: str | None) -> None:
    env.openai.down = faults.raw(body, status)

    error = env.error()

    named = f" ({code})" if code else ""
    assert (type(error), str(error)) == (PermanentError, f"List Batches answered {status}{named}")
    assert (error.status, error.code, len(env.openai.requests)) == (status, code, 1)


NO_ADDRESSES = ("", "api.openai.com", "ftp://127.0.0.1", "http://a b/", "http://[/")


@pytest.mark.parametrize(
    ("base_url", "kind", "says"),
    [
        ("{server}", NotFoundError, "List Batches answered 404 (unknown_url): OpenAIBaseUrl may lack a part"),
        ("http://127.0.0.1:9/v1", TransientError, "List Batches: no answer (ConnectionError)"),
        *[(none, PermanentError, "OpenAIBaseUrl is not a valid address") for none in NO_ADDRESSES],
    ],
)
def test_a_base_url_without_a_list_of_batches_says_what_to_check(
    env: Environment, base_url: str, kind: type[BatchbellError], says: str
) -> None:
    env.base_url = base_url.format(server=env.base_url.removesuffix("/v1"))

    error = env.error()

    assert (type(error), str(error)[: len(says)]) == (kind, says)
    assert (error.status, len(env.openai.requests)) == ((404, 1) if kind is NotFoundError else (0, 0))


@pytest.mark.parametrize("version", ["", VERSION])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(env: Environment, status: int, version: str) -> None:
    with OpenAISimulator() as elsewhere:
        env.openai.down = faults.redirect(f"{elsewhere.base_url}/batches", status)

        assert "a redirect: set OpenAIBaseUrl" in str(env.error(version=version))
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("location", "is_followed"),
    [
        ("/v1/batches/?limit=100", True),
        ("{server}/v1/batches/?limit=100", True),
        ("https://127.0.0.1/v1/batches/", False),
        ("http://elsewhere.example/v1/batches/", False),
        ("/v2/batches/", False),
        ("/v1/batches", False),
    ],
)
def test_only_a_redirect_that_adds_a_slash_is_followed(env: Environment, location: str, is_followed: bool) -> None:
    server = env.base_url.removesuffix("/v1")
    env.openai.faults.append(faults.redirect(location.format(server=server), 307))

    error = env.error()

    assert [request.path for request in env.openai.requests] == ["/v1/batches", "/v1/batches/"][: 1 + is_followed]
    assert ("a redirect" in str(error)) is not is_followed


def test_an_odd_location_of_a_page_does_not_matter(env: Environment) -> None:
    env.openai.down = faults.raw({"data": []}, headers={"location": "http://[x"})

    assert env.page().rows == ()


@pytest.mark.parametrize(
    ("status", "body", "headers", "code"),
    [
        (403, {"error": {"code": "unsupported_country_region_territory"}}, {}, "unsupported_country_region_territory"),
        (401, {"error": {"message": "Your IP is not authorized.", "code": None}}, {}, "ip_not_authorized"),
        (403, b"<html>Blocked</html>", {"content-type": "text/html; charset=UTF-8"}, "html_page"),
        (401, b"", {}, None),
        (401, {"error": {"code": "invalid_api_key", "message": "Your IP was logged."}}, {}, "invalid_api_key"),
    ],
)
def test_a_refusal_is_named_by_what_refused_it(
    env: Environment, status: int, body: Any, headers: dict[str, str], code: str | None
) -> None:
    env.openai.down = faults.raw(body, status, headers)

    error = env.error()

    assert (type(error), error.code) == (AuthenticationError, code)


EVERY_FAILURE = PASSING | {
    "404": faults.error(404),
    "the key itself": faults.raw({"error": {"code": "sk-hush-1234", "message": "sk-hush-1234"}}, 400),
    "the end of the key": lambda reply: reply,  # the simulator shows it where it refuses a key
    "a redirect": faults.redirect("http://127.0.0.1:1/"),
    "a redirect to nowhere": faults.redirect("http://[/"),
    "too late": faults.slow(600),
}


@pytest.mark.parametrize("version", ["", VERSION])
@pytest.mark.parametrize("fault", EVERY_FAILURE.values(), ids=EVERY_FAILURE)
def test_the_key_is_in_no_error_and_no_log(env: Environment, caplog: Any, fault: Fault, version: str) -> None:
    caplog.set_level(logging.DEBUG)
    env.openai.down = fault
    env.cached = env.stored = "sk-hush-1234"

    deadline_at = NOW + 0.05 if fault is EVERY_FAILURE["too late"] else DEADLINE
    error: BaseException | None = env.error(deadline_at, version=version)

    shown = [*traceback.format_exception(error), caplog.text]
    while error:
        shown.append(f"{error!r} {vars(error)}")
        error = error.__cause__ or error.__context__
    assert "1234" not in "".join(shown)


@pytest.mark.parametrize(
    "case",
    [
        ("https://contoso.openai.azure.com/openai/v1", "", "api-key", 60, (5, 20)),
        ("https://llm.example.com/openai", VERSION, "api-key", 12, (5, 12)),
        ("https://llm.example.com/openai", "", "Authorization", 3, (3, 3)),
        ("https://api.openai.com/v1", "", "Authorization", 60, (5, 20)),
    ],
)
def test_a_request_has_the_key_in_one_header_and_no_more_time_than_is_left(
    env: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[Any, ...]
) -> None:
    env.base_url, version, header, left_s, timeout = case
    (tmp_path / "netrc").write_text("default login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    sent: list[tuple[dict[str, Any], Any]] = []

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            keys = {name: request.headers.get(name) for name in ("Authorization", "api-key")}
            sent.append(({name: key for name, key in keys.items() if key}, options["timeout"]))
            raise requests.ConnectionError

    env.error(NOW + left_s, version=version, new_session=Session)

    assert sent[0] == ({header: KEY if header == "api-key" else f"Bearer {KEY}"}, timeout)


def test_a_proxy_named_in_the_environment_is_used(env: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = env.add(1)
    monkeypatch.setenv("http_proxy", env.base_url.removesuffix("/v1"))
    env.base_url = "http://openai.invalid/v1"

    assert ids(env.page()) == listed


def test_every_request_to_azure_names_the_version(env: Environment) -> None:
    env.openai.dialect = Dialect("Azure", root="/openai", key_header="api-key", api_version=VERSION)
    env.base_url = env.openai.base_url
    listed = env.add(3)
    client = env.client(VERSION)

    pages = list(client.paginate(limit=2, deadline_at=DEADLINE))
    client.retrieve(listed[0], deadline_at=DEADLINE)

    assert ids(*pages) == listed
    assert [request.query.get("api-version") for request in env.openai.requests] == [VERSION] * 3


NAMES = st.sampled_from(["data", "has_more", "id", "status", "error", "code"])
SCALARS = st.none() | st.booleans() | st.floats() | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner), max_leaves=10)
HEADERS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]))


def test_whatever_a_server_sends_is_a_page_or_an_error_of_ours(env: Environment) -> None:
    @given(JSON, st.sampled_from([200, 401, 403, 404, 429, 500]), HEADERS)
    def check(content: object, status: int, text: str) -> None:
        env.openai.down = faults.raw(content, status, {"retry-after": text, "retry-after-ms": text})
        with suppress(BatchbellError):
            assert isinstance(Environment(env.openai).page(), Page)

    check()
