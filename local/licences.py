"""Licences: what is packed into the functions, and on whose terms."""

import re
import sys
from importlib.metadata import metadata

from local.aws import ROOT

_TITLE = """\
# What is packed, and its licences

The distributions of `requirements.txt`, each with the licence that its own metadata names. Made by `make licences`.

| distribution | version | licence |
| --- | --- | --- |
"""


def pinned() -> dict[str, str]:
    """The version of each distribution that the functions are packed with."""
    text = (ROOT / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))


def page() -> str:
    """The page, from what is installed here. Raises: PackageNotFoundError."""
    return _TITLE + "".join(
        f"| {name} | {version} | {_licence(name)} |\n" for name, version in pinned().items()
    )


def _licence(name: str) -> str:
    """As an SPDX expression if there is one; else by its classifiers, which are surer than free text."""
    told = metadata(name)
    if "License-Expression" in told:
        return told["License-Expression"]
    classifiers = told.get_all("Classifier") or []
    named = [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]
    return ", ".join(named) or told["License"]


if __name__ == "__main__":
    sys.stdout.write(page())
