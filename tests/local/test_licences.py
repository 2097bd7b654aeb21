"""Licences: the page that names them is of what is packed."""

from importlib.metadata import version

from local.aws import ROOT
from local.licences import page, pinned


def test_the_page_of_licences_is_of_what_is_packed() -> None:
    installed = {name: version(name) for name in pinned()}

    assert installed == pinned()
    assert (ROOT / "docs/licences.md").read_text() == page(), "run `make licences`"
    assert not any(nothing in page() for nothing in ("None", "UNKNOWN"))
