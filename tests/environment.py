"""Environment: what a deployed function finds in it. It is to be set before a handler is imported."""

from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator


def environ_of(openai: OpenAISimulator, slack: SlackSimulator, table_name: str) -> dict[str, str]:
    """What the template gives the functions of the team `search`."""
    return {
        "TEAM_NAME": "search",
        "SLACK_CHANNEL": CHANNEL,
        "OPENAI_BASE_URL": openai.base_url,
        "SLACK_BASE_URL": slack.base_url,
        "NOTIFY_ON": "completed,failed,expired",
        "METADATA_FILTER": "",
        "RETENTION_DAYS": "30",
        "SLASH_COMMAND": "/batches",
        "TABLE_NAME": table_name,
    }
