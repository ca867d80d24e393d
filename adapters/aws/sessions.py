"""Short sessions in customers' accounts: AssumeRole with external id, renewed before they end, never stored."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import botocore.session
from botocore.credentials import CredentialProvider, CredentialResolver, RefreshableCredentials

from adapters.aws.failures import DeniedError, translated
from adapters.aws.ports.access import Role

DURATION_S = 900
"""The shortest that STS gives: what a thief of one would have."""

RENEWED_EARLY_S = 120
"""Before its end a session is renewed by whoever uses it next; the others go on with the old one."""

SESSION_NAME = "spot-optimizer"
"""What the customer's CloudTrail shows."""

READ_ONLY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": [
                    "autoscaling:Describe*",
                    "cloudwatch:GetMetricData",
                    "ec2:Describe*",
                    "eks:Describe*",
                    "eks:List*",
                    "iam:SimulatePrincipalPolicy",
                ],
                "Resource": "*",
            }
        ],
    },
    separators=(",", ":"),
)
"""Narrows a session that only looks: AWS itself then refuses every change."""


class Scope(StrEnum):
    """What a session may do, at most."""

    READ = "read"
    CHANGE = "change"


class Sessions:
    """Sessions by role and scope.

    Parameters
    ----------
    own
        Our own session; by default from the usual AWS configuration.
    make_sts
        Makes the STS client of our own session, with its limits and timeouts.
    """

    def __init__(
        self, make_sts: Callable[[], Any], own: Callable[[], botocore.session.Session] = botocore.session.Session
    ) -> None:
        self._make_sts = make_sts
        self._make_own = own
        self._own: botocore.session.Session | None = None
        self._assumed: dict[tuple[Role, Scope], botocore.session.Session] = {}
        self._lock = threading.Lock()
        # At this level botocore logs whole answers, those of AssumeRole too.
        logging.getLogger("botocore").setLevel(logging.INFO)

    def own(self) -> botocore.session.Session:
        """The session of our own account."""
        with self._lock:
            if self._own is None:
                self._own = self._make_own()
            return self._own

    def assumed(self, role: Role, scope: Scope) -> botocore.session.Session:
        """A session in a customer's account. Blocks: for threads only.

        Raises
        ------
        DeniedError
            The role does not let us in.
        """
        key = (role, scope)
        with self._lock:
            known = self._assumed.get(key)
        if known is not None:
            return known
        made = self._session(role, scope)
        with self._lock:
            return self._assumed.setdefault(key, made)

    def forget(self, role: Role) -> None:
        """Drop the sessions of a role: its account was disconnected, or its credentials were refused."""
        with self._lock:
            for scope in Scope:
                self._assumed.pop((role, scope), None)

    def _session(self, role: Role, scope: Scope) -> botocore.session.Session:
        def renew() -> dict[str, str]:
            return self._assume(role, scope)

        credentials = RefreshableCredentials.create_from_metadata(
            metadata=renew(),
            refresh_using=renew,
            method="assume-role",
            advisory_timeout=RENEWED_EARLY_S,
            mandatory_timeout=RENEWED_EARLY_S // 2,
        )
        session = botocore.session.Session()
        # One loader for all: the descriptions of the services are large, and the same everywhere.
        session.register_component("data_loader", self.own().get_component("data_loader"))
        session.register_component("credential_provider", CredentialResolver([_Given(credentials)]))
        return session

    def _assume(self, role: Role, scope: Scope) -> dict[str, str]:
        asked = {"RoleArn": role.arn, "RoleSessionName": SESSION_NAME, "DurationSeconds": DURATION_S}
        narrowed = {"Policy": READ_ONLY} if scope is Scope.READ else {}
        try:
            with translated("sts"):
                answer = self._make_sts().assume_role(ExternalId=role.external_id, **asked, **narrowed)
        except DeniedError as err:
            raise DeniedError("sts:AssumeRole", f"{role.arn} does not let us in") from err
        given = answer["Credentials"]
        return {
            "access_key": given["AccessKeyId"],
            "secret_key": given["SecretAccessKey"],
            "token": given["SessionToken"],
            "expiry_time": _utc(given["Expiration"]),
        }


class _Given(CredentialProvider):
    """Hands credentials to a session."""

    METHOD = "assume-role"
    CANONICAL_NAME = "AssumeRole"

    def __init__(self, credentials: RefreshableCredentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> RefreshableCredentials:
        return self._credentials


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
