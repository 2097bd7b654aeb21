"""Browse: page, pick, go on until there are enough."""

from collections.abc import Callable, Iterator

from batchbell.domain.command import ALL
from batchbell.domain.listed import Listed, ListedPage, is_wanted

PAGE_LIMIT = 100


def browse(
    page: Callable[[str | None, int], ListedPage], status: str, after: str | None, limit: int
) -> Iterator[Listed]:
    """The newest `limit` rows of a status, of those older than the batch `after`.

    `page(after, limit)` asks for one page. It ends where the server says so, where a page is empty,
    and where one shows no batch that was not shown before: some servers go round in a circle.
    """
    seen: set[str] = set()
    found = 0
    while True:
        asked = min(limit - found, PAGE_LIMIT) if status == ALL else PAGE_LIMIT
        answer = page(after, asked)
        for row in answer.rows:
            is_shown = row.batch is not None and row.batch.id in seen
            if is_wanted(row, status) and not is_shown:
                yield row
                found += 1
                if found == limit:
                    return
        ids = [row.batch.id for row in answer.rows if row.batch]
        if answer.has_more is False or seen.issuperset(ids):
            return
        seen.update(ids)
        after = ids[-1]
