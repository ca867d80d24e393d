"""What roles grant, in the words in which the audit log tells what was asked."""

from collections.abc import Iterable

from tests.kube.client import JsonObject

Right = tuple[str, str, str]
"""Verb, API group, resource with its subresource."""


def granted(roles: Iterable[JsonObject]) -> set[Right]:
    """Every right that these roles grant, one by one."""
    return {
        (verb, group, resource)
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
