"""OpenAI: the batches that an operator may see, with the team's key or one of the environment."""

import os
from argparse import Namespace

from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.domain.secret import Slot
from batchbell.domain.server import base_url_from

PATIENCE_S = 60
"""How long one question to OpenAI may take."""

_DEFAULT_BASE_URL = "https://api.openai.com/v1"


def openai_of(chosen: Namespace) -> OpenAIBatches:
    """Raises: PermanentError, TransientError; ends with a usage where there is no key."""
    if chosen.team:
        from batchbell.handlers.terminal.deployment import deployment_of  # noqa: PLC0415  asks AWS

        deployment = deployment_of(chosen.team, chosen.stack)
        return deployment.openai(deployment.wanted_secret(Slot.OPENAI_API_KEY))
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    if not key:
        chosen.usage("give --team, or set OPENAI_API_KEY")
    version = os.environ.get("OPENAI_API_VERSION", "").strip()
    try:
        base_url = base_url_from(os.environ.get("OPENAI_BASE_URL") or _DEFAULT_BASE_URL, version)
    except ValueError as error:
        chosen.usage(str(error))
    return OpenAIBatches(base_url, lambda _: key, api_version=version)
