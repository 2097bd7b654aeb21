"""OpenAI: the batches of a project, listed page by page or retrieved by id."""

import re
import time
from collections.abc import Callable, Mapping
from random import random as random_share
from typing import TypeVar
from urllib.parse import quote

import requests

from batchbell.adapters.openai_answer import Answer, NotFoundError
from batchbell.adapters.openai_json import parse_batch, parse_page
from batchbell.adapters.openai_wire import OpenAIWire
from batchbell.domain.batch import Batch, Page
from batchbell.domain.errors import PermanentError
from batchbell.domain.server import advice_where_no_list_is

T = TypeVar("T")

_TRIES = 5
"""Four waits, 7.5 s together, ride out a restart; for anything longer the next poll is the retry."""


class OpenAIBatches:
    """List Batches and Retrieve Batch of `base_url`, with `api_version` where Azure wants one.

    `key(afresh)` gives the API key, read anew from where it is kept if `afresh`: a refused key
    may have been rotated. It goes into no error. Several threads may ask at once.
    """

    def __init__(
        self,
        base_url: str,
        key: Callable[[bool], str],
        *,
        api_version: str = "",
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_share,
        new_session: Callable[[], requests.Session] = requests.Session,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._wire = OpenAIWire(self.base_url, api_version, clock, new_session)
        self._key = key
        self._api_version = api_version
        self._clock = clock
        self._sleep = sleep
        self._random = random

    def page(self, after: str | None = None, limit: int = 100, *, deadline_at: float) -> Page:
        """One page, newest first: of the batches older than the batch `after`.

        Raises: TransientError, PermanentError, RefusedError; ValueError for a `limit` that the
        API does not take.
        """
        return self.page_as(_page, after, limit, deadline_at)

    def page_as(
        self, parse: Callable[[Answer], T | None], after: str | None, limit: int, deadline_at: float
    ) -> T:
        """What `parse` makes of a page; None where it is none. Raises: as `page`."""
        if type(limit) is not int or not 1 <= limit <= 100:
            raise ValueError(f"limit must be a whole number from 1 to 100, not {limit!r}")
        params = {"limit": str(limit)} | ({"after": after} if after else {})
        try:
            return self._get("List Batches", "/batches", params, parse, deadline_at)
        except NotFoundError as error:
            advice = advice_where_no_list_is(self.base_url, self._api_version)
            raise PermanentError(f"{error}: {advice}") from None

    def retrieve(self, batch_id: str, *, deadline_at: float) -> Batch | None:
        """The batch with this id; None where the API knows none.

        Raises: TransientError, PermanentError, RefusedError.
        """
        return self.retrieve_as(_batch, batch_id, deadline_at)

    def retrieve_as(self, parse: Callable[[Answer], T | None], batch_id: str, deadline_at: float) -> T | None:
        """What `parse` makes of the batch. Raises: as `retrieve`."""
        if not batch_id.strip("."):
            return None  # "", "." and ".." would ask for another path
        path = "/batches/" + quote(batch_id, safe="", errors="replace")
        try:
            return self._get("Retrieve Batch", path, {}, parse, deadline_at)
        except NotFoundError:
            return None

    def _get(
        self,
        call: str,
        path: str,
        params: Mapping[str, str],
        parse: Callable[[Answer], T | None],
        deadline_at: float,
    ) -> T:
        key, is_afresh = self._usable_key(afresh=False), False
        tries = 0
        while True:
            tries += 1
            answer = self._wire.ask(path, params, key, deadline_at)
            parsed = parse(answer) if 200 <= answer.status < 300 else None
            if parsed is not None:
                return parsed
            if answer.status in (401, 403) and not is_afresh:
                refused, key, is_afresh = key, self._usable_key(afresh=True), True
                if key != refused:
                    continue
            now = self._clock()
            delay_s = answer.delay_s(tries, now, self._random())
            if delay_s is None or tries >= _TRIES or now + delay_s >= deadline_at:
                raise answer.error(call)
            self._sleep(delay_s)

    def answer(self, path: str, params: Mapping[str, str], *, deadline_at: float) -> Answer:
        """Whatever is answered, asked once. Raises: PermanentError where it cannot even be asked."""
        return self._wire.ask(path, params, self._usable_key(afresh=True), deadline_at)

    def _usable_key(self, afresh: bool) -> str:
        key = self._key(afresh)
        # http.client would refuse such a key as well, and show it.
        if not re.fullmatch(r"[\x21-\x7e\xa1-\xff]+", key):
            raise PermanentError("the OpenAI API key is empty, or has a blank or line end in it")
        return key


def _page(answer: Answer) -> Page | None:
    return parse_page(answer.content, answer.headers.get("openai-project"))


def _batch(answer: Answer) -> Batch | None:
    return parse_batch(answer.content, is_retrieved=True)
