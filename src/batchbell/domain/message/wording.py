"""Wording: numbers, lists and lengths of time in English."""

from collections.abc import Sequence

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def counted(number: int, noun: str) -> str:
    """`no batch`, `1 batch`, `2 batches`."""
    plural = noun + ("es" if noun.endswith("ch") else "s")
    return f"{number:,} {plural}" if number > 1 else f"1 {noun}" if number == 1 else f"no {noun}"


def series(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def duration(seconds: float) -> str:
    """A length of time in its two largest units; in hours up to two days, as windows are."""
    left, words = max(int(seconds), 0), list[str]()
    for size, unit in _UNITS if left >= 2 * 86_400 else _UNITS[1:]:
        count, left = divmod(left, size)
        if count:
            words.append(f"{count:,} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"
