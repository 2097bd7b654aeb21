"""A tick of the schedule -> deliver, poll, and deliver again."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, partial
from os import environ
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.logging.utils import copy_config_to_registered_loggers
from aws_lambda_powertools.metrics import MetricUnit

from batchbell.aws.dynamodb import make_client
from batchbell.aws.secrets import Secrets
from batchbell.aws.store import Store
from batchbell.config import Secret, config_from
from batchbell.errors import BatchbellError, ConflictError, NotFoundError
from batchbell.notify.delivery import DeliveryResult, deliver
from batchbell.openai.client import OpenAIClient
from batchbell.poll.poller import PollResult, poll
from batchbell.slack.client import SlackClient

# Fraction of the Lambda timeout after which a step starts no new work, so that later steps get their share.
DELIVER_SHARE, POLL_SHARE, DELIVER_AGAIN_SHARE = 0.2, 0.6, 0.8

# Their `service` is the stack's name, from the environment: two stacks of one account share no metric.
logger = Logger(use_rfc3339=True)
metrics = Metrics(namespace="batchbell")
copy_config_to_registered_loggers(logger, include={logging.getLogger("batchbell").name})


class Bot:
    """The bot of this environment and its clients."""

    def __init__(self) -> None:
        self.config, secrets = config_from(environ), Secrets()
        self.store = Store(make_client(), self.config.table_name, retention_s=self.config.retention_s)
        self.key = partial(secrets.read, Secret.OPENAI_API_KEY.parameter(self.config.team))
        self.token = partial(secrets.read, Secret.SLACK_BOT_TOKEN.parameter(self.config.team))
        self.openai = OpenAIClient(self.config.server, self.key)
        self.slack = SlackClient(self.config.slack_base_url, self.token, team=self.config.team)

    def deliver(self, deadline_at: float) -> DeliveryResult:
        clients = (self.store, self.slack, self.config)
        return deliver(*clients, clock=time.time, sleep=time.sleep, deadline_at=deadline_at)

    def poll(self, deadline_at: float) -> PollResult:
        return poll(self.openai, self.store, self.config, clock=time.time, deadline_at=deadline_at)


bot = cache(Bot)  # made once for as long as the process lives
if "AWS_LAMBDA_FUNCTION_NAME" in environ:
    bot()  # while Lambda initialises, with a full processor


def lambda_handler(event: object, context: Any) -> None:
    """Run the steps; a failure of one does not stop the others. The event says nothing."""
    started_at = time.time()
    time_s = context.get_remaining_time_in_millis() / 1000
    try:
        bot().key(False)
        bot().token(False)
    except NotFoundError as error:
        _wait_for_secrets(str(error))
        return
    except BatchbellError as error:
        logger.error("Secrets cannot be read", reason=str(error))
    steps: dict[str, Callable[[], Any]] = {
        "deliver": lambda: bot().deliver(started_at + DELIVER_SHARE * time_s),
        "poll": lambda: bot().poll(started_at + POLL_SHARE * time_s),
        "deliver_again": lambda: bot().deliver(started_at + DELIVER_AGAIN_SHARE * time_s),
    }
    results: dict[str, Any] = {}
    defects = []
    for name, step in steps.items():
        if name == "deliver_again" and is_nothing_left(results.get("deliver"), results.get("poll")):
            break
        try:
            results[name] = step()
        except ConflictError:
            logger.info("Another run was first", step=name)
        except BatchbellError as error:
            logger.error("Step failed", step=name, error=type(error).__name__, reason=str(error))
        except Exception as error:
            logger.exception("Step broke", step=name)
            defects.append(error)
    _report(results.get("poll"), [each for each in results.values() if isinstance(each, DeliveryResult)])
    logger.info("Ran", extra={name: asdict(result) for name, result in results.items()})
    if defects:
        raise defects[0]


def is_nothing_left(delivered: DeliveryResult | None, polled: PollResult | None) -> bool:
    """True only if delivery found the outbox empty and the poll succeeded and added nothing."""
    was_empty = delivered == DeliveryResult()
    return was_empty and polled is not None and polled.failure is None and not polled.notifications


def _wait_for_secrets(reason: str) -> None:
    """Wait for the secrets: without an alarm until they were stored once, with one if they are gone."""
    if bot().store.load_state():
        logger.error("A secret is gone", reason=reason)
        return
    logger.warning("Not set up yet", reason=reason)
    metrics.add_metric("PollSucceeded", MetricUnit.Count, 0)
    metrics.flush_metrics()


def _report(polled: PollResult | None, deliveries: list[DeliveryResult]) -> None:
    """Write the metrics, one for each alarm, and as warnings what a person may have to fix."""
    if polled and polled.failure:
        logger.warning("The poll ended early", reason=polled.failure)
    elif polled:  # the alarm counts the samples, so that a failed poll gives none
        metrics.add_metric("PollSucceeded", MetricUnit.Count, 1)
    for delivered in deliveries:
        if delivered.not_taken:
            logger.warning("Slack did not take a message", reason=delivered.not_taken)
    if deliveries:
        metrics.add_metric("NotificationsParked", MetricUnit.Count, deliveries[-1].parked)
        metrics.add_metric("OldestUndeliveredSeconds", MetricUnit.Seconds, deliveries[-1].oldest_s)
    if polled or deliveries:
        metrics.flush_metrics()
