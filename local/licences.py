"""Lists the licences of what is packed into the functions."""

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
    """Return the version of each distribution that is packed."""
    text = (ROOT / "requirements.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))


def page() -> str:
    """Return the page, from what is installed here. Raises: PackageNotFoundError."""
    rows = (f"| {name} | {version} | {_licence(name)} |\n" for name, version in pinned().items())
    return _TITLE + "".join(rows)


def _licence(name: str) -> str:
    """Return the SPDX expression, else what the classifiers say, which is clearer than free text."""
    fields = metadata(name)
    classifiers = fields.get_all("Classifier") or []
    named = (each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: "))
    return fields["License-Expression"] or ", ".join(named) or fields["License"]


if __name__ == "__main__":
    sys.stdout.write(page())
