"""Commands as the docs show them, run on a local AWS."""

import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jmespath

from batchbell.cli.main import main
from local.aws import ROOT, LocalAws

OPERATING = (ROOT / "docs/operating.md").read_text()


def commands_of(section: str) -> list[str]:
    """The commands of a section of docs/operating.md, each on one line."""
    [text] = re.findall(rf"^## {re.escape(section)}\n(.+?)(?=^## |\Z)", OPERATING, re.MULTILINE | re.DOTALL)
    blocks = re.findall(r"^ *```sh\n(.+?)^ *```", text, re.MULTILINE | re.DOTALL)
    return [line.strip() for block in blocks for line in re.sub(r"\\\n\s*", "", block).splitlines()]


@dataclass(frozen=True, slots=True)
class Shell:
    """An operator's shell; its environment names the local AWS."""

    aws: LocalAws

    def run(self, command: str, given: Mapping[str, str] | None = None) -> Any:
        """Run a command, with its `<…>` replaced; return what `aws` prints, or else the exit code."""
        for name, value in (given or {}).items():
            command = command.replace(name, value)
        program, *words = shlex.split(command, comments=True)
        match program:
            case "aws":
                return self._aws(*words)
            case "./batchbell":
                return main(words, address_of=self.aws.address_of)
        return subprocess.run([ROOT / program, *words, "--no-prompts"], cwd=ROOT, check=True).returncode

    def _aws(self, service: str, operation: str, *words: str) -> Any:
        """Do what the AWS CLI does, with boto3: `--table-name x` is `TableName="x"`."""
        options: dict[str, list[str]] = {}
        for word in words:
            if word.startswith("--"):
                values = options.setdefault(word.removeprefix("--"), [])
            else:
                values.append(word)
        [query], _ = options.pop("query", ["@"]), options.pop("output", None)
        request: dict[str, Any] = {}
        for option, values in options.items():
            name = "".join(part.capitalize() for part in option.removeprefix("no-").split("-"))
            one = values[0] if len(values) == 1 else values
            request[name] = one or not option.startswith("no-")
        return jmespath.search(query, getattr(self.aws.client(service), operation.replace("-", "_"))(**request))
