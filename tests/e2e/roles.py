"""Roles: a deployed function's, to act in and to take from."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from local.aws import REGION, LocalAws


@dataclass(frozen=True, slots=True)
class Grant:
    """One action on one resource."""

    action: str
    resource: Any


@dataclass(frozen=True, slots=True)
class Role:
    """The role of a function in a local AWS."""

    aws: LocalAws
    arn: str

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]

    def client(self, service: str) -> Any:
        """A client that may do what the role may. MiniStack lets the account take on any of its roles."""
        assumed = self.aws.client("sts").assume_role(RoleArn=self.arn, RoleSessionName="test")
        credentials = assumed["Credentials"]
        return boto3.client(
            service,
            endpoint_url=self.aws.endpoint,
            region_name=REGION,
            aws_access_key_id=credentials["AccessKeyId"],
            aws_secret_access_key=credentials["SecretAccessKey"],
            aws_session_token=credentials["SessionToken"],
            config=Config(proxies={}, retries={"total_max_attempts": 1}),
        )

    @contextmanager
    def without(self, place: int) -> Iterator[Grant]:
        """Let the role do all but its grant at this place in `grants_of` its policy, for a while."""
        iam = self.aws.client("iam")
        [policy] = iam.list_role_policies(RoleName=self.name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=self.name, PolicyName=policy)["PolicyDocument"]
        grants = grants_of(document)
        taken = grants.pop(place)
        rest = [{"Effect": "Allow", "Action": each.action, "Resource": each.resource} for each in grants]
        try:
            self._put(iam, policy, {**document, "Statement": rest})
            yield taken
        finally:
            self._put(iam, policy, document)

    def _put(self, iam: Any, policy: str, document: Any) -> None:
        iam.put_role_policy(RoleName=self.name, PolicyName=policy, PolicyDocument=json.dumps(document))


def role_of(aws: LocalAws, function_name: str) -> Role:
    return Role(aws, aws.client("lambda").get_function_configuration(FunctionName=function_name)["Role"])


def grants_of(document: Any) -> list[Grant]:
    """What a policy allows, in its order, of the template or as it was deployed."""
    return [
        Grant(action, resource)
        for statement in document["Statement"]
        for action in _listed(statement["Action"])
        for resource in _listed(statement["Resource"])
    ]


def is_denied(client: Any, operation: str, **request: Any) -> bool:
    """Whether the account refuses it; any other failure means that it was let through."""
    try:
        getattr(client, operation)(**request)
    except ClientError as error:
        return error.response["Error"]["Code"] == "AccessDeniedException"
    return False


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
