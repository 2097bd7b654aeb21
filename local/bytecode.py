"""Adds bytecode to what `sam build` made: without it, each cold start compiles every module."""

import re
import subprocess
import sys
from pathlib import Path

from local.aws import SAM


def add_bytecode(built: Path) -> str:
    """Compile the functions in the build folder with the Python of their runtime, if it is here; say what was done.

    The bytecode is used without a look at the source, whose times change on the way to AWS.
    """
    [version] = set(re.findall(r"Runtime: python(\S+)", (built / "template.yaml").read_text()))
    python = _python(version)
    if not python:
        install = f".venv/sam/bin/uv python install {version}"
        return f"no bytecode: each cold start takes a second longer. It needs Python {version}: `{install}`"
    how = ("-q", "-j0", "--invalidation-mode", "unchecked-hash", "-d", "/var/task")
    for function in filter(Path.is_dir, built.iterdir()):
        subprocess.run([python, "-m", "compileall", *how, function], check=True)
    return f"bytecode of Python {version} added"


def _python(version: str) -> str:
    """Return the path of a Python of this version: our own, one on the PATH or one of uv's; "" if there is none."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    find = [SAM / "uv", "python", "find", "--system", "--no-python-downloads", version]
    return subprocess.run(find, capture_output=True, text=True, check=False).stdout.strip()


if __name__ == "__main__":
    print("-", add_bytecode(Path(sys.argv[1])))
