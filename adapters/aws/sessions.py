"""Short sessions in customers' accounts: AssumeRole with external id, renewed before they end, never stored."""

import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.credentials import (
    CredentialProvider,
    CredentialResolver,
    Credentials,
    ReadOnlyCredentials,
    RefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError

from adapters.aws.callers import Caller, Scope, calling, current
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


class Sessions:
    """Credentials by role and scope, and the one session whose clients sign with those of whoever calls.

    A client costs several milliseconds and half a megabyte: one for each account and service would be most of what a
    discovery costs.

    Parameters
    ----------
    make_sts
        Makes the STS client of our own account, with its limits and timeouts.
    own
        Our own session; by default from the usual AWS configuration.
    """

    def __init__(
        self, make_sts: Callable[[], Any], own: Callable[[], botocore.session.Session] = botocore.session.Session
    ) -> None:
        self._make_sts = make_sts
        self._make_own = own
        self._own: botocore.session.Session | None = None
        self._shared: botocore.session.Session | None = None
        self._assumed: dict[tuple[Role, Scope], RefreshableCredentials] = {}
        self._lock = threading.Lock()
        # At this level botocore logs whole answers, those of AssumeRole too.
        logging.getLogger("botocore").setLevel(logging.INFO)

    def shared(self) -> botocore.session.Session:
        """The session that clients are made from. Not for several threads at once."""
        if self._shared is None:
            session = botocore.session.Session()
            session.register_component("data_loader", self._own_session().get_component("data_loader"))
            session.register_component("credential_provider", CredentialResolver([_Given(_Routed(self.frozen))]))
            self._shared = session
        return self._shared

    def frozen(self, caller: Caller) -> ReadOnlyCredentials:
        """What a caller signs with. Blocks: for threads only.

        Raises
        ------
        DeniedError
            The role does not let us in.
        """
        if caller.role is not None:
            return self._of_role(caller.role, caller.scope).get_frozen_credentials()
        credentials = self._own_session().get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return credentials.get_frozen_credentials()

    def forget(self, role: Role) -> None:
        """Drop the sessions of a role: its account was disconnected, or its credentials were refused."""
        with self._lock:
            for scope in Scope:
                self._assumed.pop((role, scope), None)

    def _own_session(self) -> botocore.session.Session:
        with self._lock:
            if self._own is None:
                self._own = self._make_own()
            return self._own

    def _of_role(self, role: Role, scope: Scope) -> RefreshableCredentials:
        with self._lock:
            known = self._assumed.get((role, scope))
        if known is not None:
            return known

        def renew() -> dict[str, str]:
            return self._assume(role, scope)

        made = RefreshableCredentials.create_from_metadata(
            metadata=renew(),
            refresh_using=renew,
            method=_Given.METHOD,
            advisory_timeout=RENEWED_EARLY_S,
            mandatory_timeout=RENEWED_EARLY_S // 2,
        )
        with self._lock:
            return self._assumed.setdefault((role, scope), made)

    def _assume(self, role: Role, scope: Scope) -> dict[str, str]:
        asked = {"RoleArn": role.arn, "RoleSessionName": SESSION_NAME, "DurationSeconds": DURATION_S}
        narrowed = {"Policy": READ_ONLY} if scope is Scope.READ else {}
        try:
            with translated("sts"), calling(Caller(role=None)):
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


class _Routed(Credentials):
    """Stands for the credentials of whoever calls."""

    def __init__(self, frozen: Callable[[Caller], ReadOnlyCredentials]) -> None:
        super().__init__("of the caller", "of the caller", method=_Given.METHOD)
        self._frozen = frozen

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        return self._frozen(current())


class _Given(CredentialProvider):
    """Hands credentials to a session."""

    METHOD = "assume-role"
    CANONICAL_NAME = "AssumeRole"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
