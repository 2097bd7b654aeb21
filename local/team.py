"""One team's batchbell in a local AWS, between a simulated OpenAI and a simulated Slack."""

from dataclasses import dataclass

from local.aws import Invocation, LocalAws
from local.openai_simulator import OpenAISimulator
from local.slack_simulator import CHANNEL, SlackSimulator


@dataclass(frozen=True, slots=True)
class Team:
    """A deployed stack. Slack posts to `slack_url` + `/commands` and + `/interactions`."""

    name: str
    stack_name: str
    function_name: str
    table_name: str
    slack_function_name: str
    slack_url: str
    aws: LocalAws

    def store_secrets(self, openai_api_key: str, slack_bot_token: str, slack_signing_secret: str) -> None:
        names = ("openai-api-key", "slack-bot-token", "slack-signing-secret")
        values = (openai_api_key, slack_bot_token, slack_signing_secret)
        for name, value in zip(names, values, strict=True):
            self.aws.put_secret(f"/batchbell/{self.name}/{name}", value)

    def tick(self, event: object = None) -> Invocation:
        """Do what the schedule does."""
        return self.aws.invoke(self.function_name, event)


def deploy(aws: LocalAws, openai: OpenAISimulator, slack: SlackSimulator, name: str, **parameters: str) -> Team:
    """Deploy or update a team's batchbell; `parameters` are the template's."""
    stack_name = f"batchbell-{name}"
    own = {"TeamName": name, "SlackChannel": CHANNEL}
    own |= {"OpenAIBaseUrl": openai.base_url, "SlackBaseUrl": slack.base_url}
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
