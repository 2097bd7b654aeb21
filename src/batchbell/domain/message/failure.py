"""Failure: why a batch failed, in a few words and in detail."""

import re
from collections import Counter

from batchbell.domain.batch import Batch, BatchError
from batchbell.domain.message.mrkdwn import code, escaped
from batchbell.domain.message.wording import counted, series

_CODES_SHOWN = 4
_LINES_SHOWN = 3
_ORGANIZATION = re.compile(r"\borg-\w+")

# What is known to help, by the codes that OpenAI has been seen to give.
_REMEDIES = {
    "token_limit_exceeded": "Submit it again once other batches of this model have ended, or split it.",
    "too_many_tasks": "Split the input file into smaller batches.",
    "empty_file": "The input file needs at least one line.",
    "invalid_json_line": "Every line of the input file must be one whole JSON object.",
    "duplicate_custom_id": "Give each request a `custom_id` of its own.",
    "url_mismatch": "The `url` of every line must be the endpoint of the batch.",
    "model_mismatch": "All requests of one batch must name the same model.",
    "model_not_found": "Check the name of the model, and that this project may use it.",
}


def reason(batch: Batch, room: int) -> str:
    """Why it failed, to be read after "failed": the commonest codes, and how many other errors."""
    common = Counter(map(_words_for, batch.errors)).most_common(2)
    if not common:
        return ""
    words = [
        escaped(text, room // 3) + (f" ({count:,} times)" if count > 1 else "") for text, count in common
    ]
    others = len(batch.errors) + batch.errors_left_out - sum(count for _, count in common)
    return series([*words, counted(others, "other error")] if others else words)


def explanation(batch: Batch) -> str:
    """Each code with the lines where it was met and its first message, and what is known to help."""
    by_code: dict[str, list[BatchError]] = {}
    for error in batch.errors:
        by_code.setdefault(error.code or "", []).append(error)
    shown = list(by_code.values())[:_CODES_SHOWN]
    rest = len(batch.errors) + batch.errors_left_out - sum(map(len, shown))
    sentences = [_sentence_for(errors) for errors in shown]
    if rest:
        sentences.append(f"…and {counted(rest, 'more error')}")
    bullet = "• " if len(sentences) > 1 else ""
    remedies = [f":bulb: {_REMEDIES[code]}" for code in by_code if code in _REMEDIES]
    return "\n".join([bullet + sentence for sentence in sentences] + remedies)


def _sentence_for(errors: list[BatchError]) -> str:
    """One code: where it was met, or how often, and what it says."""
    lines = sorted({error.line for error in errors if error.line is not None})
    numbers = [f"{line:,}" for line in lines[:_LINES_SHOWN]]
    if len(lines) > _LINES_SHOWN:
        numbers.append(f"{len(lines) - _LINES_SHOWN:,} more")
    where = f" in line{'s' if len(lines) > 1 else ''} {series(numbers)}" if lines else ""
    times = f", {len(errors):,} times" if len(errors) > max(len(lines), 1) else ""
    messages = list(dict.fromkeys(filter(None, map(_message, errors))))
    first = "; the first" if len(messages) > 1 else ""
    message = f"{first}: {escaped(messages[0], 350)}" if messages else ""
    return f"{code(errors[0].code or '', 80) or 'An error'}{where}{times}{message}"


def _words_for(error: BatchError) -> str:
    if error.code:
        return error.code.replace("_", " ")
    return _message(error).rstrip(".") or "an error without a name"


def _message(error: BatchError) -> str:
    # A shared channel need not know the organization.
    return _ORGANIZATION.sub("org-…", error.message or "")
