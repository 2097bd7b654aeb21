"""The bench: what `make bench` runs, in its smallest form."""

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]
PICTURES = ("history.svg", "listing.svg", "open.svg", "ready.svg")


def test_the_bench_measures_and_writes_its_page_with_every_picture(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench.performance", "smallest", str(tmp_path)]

    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    written = (tmp_path / "performance.md").read_text()
    assert "## What a poll costs" in written
    assert "## A day with 300 batches" in written
    assert str(ROOT) not in written
    pictures = {path.name: path for path in (tmp_path / "performance").iterdir()}
    assert tuple(sorted(pictures)) == PICTURES
    for name, path in pictures.items():
        assert f"](performance/{name})" in written
        assert ET.parse(path).getroot().tag == "{http://www.w3.org/2000/svg}svg"
