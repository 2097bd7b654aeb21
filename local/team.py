"""Team: one team's batchbell in a local AWS, watching a simulated OpenAI for a simulated Slack."""

from dataclasses import dataclass

from local.aws import Invocation, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator


@dataclass(frozen=True, slots=True)
class Team:
    """A deployed stack; `tick` does what its schedule does.

    Slack posts to `slack_url` + `/commands` and + `/interactions`.
    """

    name: str
    stack_name: str
    function_name: str
    table_name: str
    slack_function_name: str
    slack_url: str
    aws: LocalAws

    def store_secrets(self, openai_api_key: str, slack_bot_token: str, slack_signing_secret: str) -> None:
        self.aws.put_secret(f"/batchbell/{self.name}/openai-api-key", openai_api_key)
        self.aws.put_secret(f"/batchbell/{self.name}/slack-bot-token", slack_bot_token)
        self.aws.put_secret(f"/batchbell/{self.name}/slack-signing-secret", slack_signing_secret)

    def tick(self, event: object = None) -> Invocation:
        return self.aws.invoke(self.function_name, event)


def deploy(
    aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, name: str, **parameters: str
) -> Team:
    """Deploy batchbell for a team, or bring what it has up to date; `parameters` are the template's."""
    stack_name = f"batchbell-{name}"
    own = {
        "TeamName": name,
        "SlackChannel": CHANNEL,
        "OpenAIBaseUrl": openai.base_url,
        "SlackBaseUrl": slack.base_url,
    }
    outputs = aws.deploy(stack_name, own | parameters)
    return Team(
        name=name,
        stack_name=stack_name,
        function_name=outputs["PollFunctionName"],
        table_name=outputs["TableName"],
        slack_function_name=outputs["SlackFunctionName"],
        slack_url=aws.address_of(outputs["SlackRequestUrl"]).removesuffix("/commands"),
        aws=aws,
    )
