"""Schedule: a tick of the scheduler -> deliver, poll, and deliver again unless all is told."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from os import environ
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from batchbell.adapters.batch_table import BatchTable
from batchbell.adapters.dynamodb import Table, make_client
from batchbell.adapters.openai_batches import OpenAIBatches
from batchbell.adapters.outbox_table import OutboxTable
from batchbell.adapters.secrets import MissingSecretError, Secrets
from batchbell.domain.errors import BatchbellError, StaleError
from batchbell.domain.place import Place
from batchbell.flows.deliver import deliver
from batchbell.flows.poll import PollResult, poll
from batchbell.flows.tally import DeliverResult
from batchbell.handlers.journal import JournaledBatchTable, JournaledOutboxTable, JournaledSlack
from batchbell.settings import Settings, settings_from

if TYPE_CHECKING:
    from batchbell.adapters.slack_messages import SlackMessages

DELIVER_SHARE, POLL_SHARE, DELIVER_AGAIN_SHARE = 0.2, 0.6, 0.8
"""Until which part of the function's time each step begins something new: none starves another."""

# Their `service` is the stack's name, from the environment: two stacks of one account share no metric.
logger = Logger()
metrics = Metrics(namespace="batchbell")


@dataclass(frozen=True, slots=True)
class Bot:
    """One team's bot, connected."""

    settings: Settings
    secrets: Secrets
    openai: OpenAIBatches
    slack: JournaledSlack
    batches: BatchTable
    outbox: OutboxTable

    def check_secrets(self) -> None:
        """Raises: MissingSecretError before a person has stored them."""
        self.secrets.read(self.settings.openai_api_key_parameter)
        self.secrets.read(self.settings.slack_bot_token_parameter)

    def deliver(self, deadline_at: float) -> DeliverResult:
        settings = self.settings
        place = Place(settings.team, settings.openai_base_url, settings.openai_api_version)
        channel = settings.channel
        return deliver(self.outbox, self.slack, place, channel, time.time, time.sleep, deadline_at)

    def poll(self, deadline_at: float) -> PollResult:
        return poll(self.openai, self.batches, self.settings.policy, time.time, deadline_at)


@cache
def bot() -> Bot:
    """The bot of this environment, made once for as long as the process lives."""
    settings = settings_from(environ)
    secrets = Secrets()
    table = Table(make_client(), settings.table_name, settings.policy.retention_s)

    @cache
    def slack() -> "SlackMessages":
        from batchbell.adapters.slack_messages import SlackMessages  # noqa: PLC0415

        token = secrets.reader(settings.slack_bot_token_parameter)
        return SlackMessages(settings.slack_base_url, token, team=settings.team)

    return Bot(
        settings=settings,
        secrets=secrets,
        openai=OpenAIBatches(
            settings.openai_base_url,
            secrets.reader(settings.openai_api_key_parameter),
            api_version=settings.openai_api_version,
        ),
        slack=JournaledSlack(slack),
        batches=JournaledBatchTable(table),
        outbox=JournaledOutboxTable(table),
    )


def lambda_handler(event: object, context: Any) -> None:
    """Run the steps; a failure of one does not stop the others. The event says nothing."""
    begun_at = time.time()
    time_s = context.get_remaining_time_in_millis() / 1000
    try:
        bot().check_secrets()
    except MissingSecretError as error:
        _wait(str(error))
        return
    except BatchbellError as error:
        logger.error("Secrets cannot be read", reason=str(error))
    steps: dict[str, Callable[[], Any]] = {
        "deliver": lambda: bot().deliver(begun_at + DELIVER_SHARE * time_s),
        "poll": lambda: bot().poll(begun_at + POLL_SHARE * time_s),
        "deliver_again": lambda: bot().deliver(begun_at + DELIVER_AGAIN_SHARE * time_s),
    }
    results: dict[str, Any] = {}
    defects = []
    for name, step in steps.items():
        if name == "deliver_again" and is_all_told(results.get("deliver"), results.get("poll")):
            break
        try:
            results[name] = step()
        except StaleError:
            logger.info("Another run was first", step=name)
        except BatchbellError as error:
            logger.error("Step failed", step=name, error=type(error).__name__, reason=str(error))
        except Exception as error:
            logger.exception("Step broke", step=name)
            defects.append(error)
    _warn(results)
    logger.info("Ran", extra={name: asdict(result) for name, result in results.items()})
    _measure(results)
    if defects:
        raise defects[0]


def is_all_told(delivered: DeliverResult | None, polled: PollResult | None) -> bool:
    """Whether another delivery would find the outbox empty, as in most runs: then it is not looked at.

    It was empty, and the poll put nothing in. A step that raised has no result, and a poll that failed
    may have written more than it counts: neither tells, so deliver. What another run puts in meanwhile,
    that run delivers, or the next one, as it does after a run that died.
    """
    was_empty = delivered == DeliverResult()
    return was_empty and polled is not None and polled.failure is None and not polled.owed


def _wait(reason: str) -> None:
    """Wait for the secrets: without an alarm until they were stored once, with one if they are gone."""
    if bot().batches.load_watch():
        logger.error("A secret is gone", reason=reason)
        return
    logger.warning("Not set up yet", reason=reason)
    metrics.add_metric("PollSucceeded", MetricUnit.Count, 0)
    metrics.flush_metrics()


def _warn(results: dict[str, Any]) -> None:
    """Say apart, where who searches the log for warnings finds it, what a person may have to mend."""
    for result in results.values():
        if isinstance(result, PollResult) and result.failure:
            logger.warning("The poll ended early", reason=result.failure)
        if isinstance(result, DeliverResult) and result.not_taken:
            logger.warning("Slack did not take a message", reason=result.not_taken)


def _measure(results: dict[str, Any]) -> None:
    """Write the metrics down; a poll that failed gives no sample of PollSucceeded, which its alarm counts."""
    polled = results.get("poll")
    if isinstance(polled, PollResult):
        if polled.failure is None:
            metrics.add_metric("PollSucceeded", MetricUnit.Count, 1)
        metrics.add_metric("TransitionsRecorded", MetricUnit.Count, polled.recorded)
    deliveries = [each for each in results.values() if isinstance(each, DeliverResult)]
    if deliveries:
        delivered = sum(each.delivered for each in deliveries)
        metrics.add_metric("NotificationsDelivered", MetricUnit.Count, delivered)
        metrics.add_metric("NotificationsParked", MetricUnit.Count, deliveries[-1].parked)
        metrics.add_metric("OldestUndeliveredSeconds", MetricUnit.Seconds, deliveries[-1].oldest_s)
    if results:
        metrics.flush_metrics()
