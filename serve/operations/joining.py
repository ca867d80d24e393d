"""What every node of a Ray cluster must have before the platform runs on it: our package, and the same settings.

Actors and replicas read their settings where they run. Handing secrets on through Ray would show them in its dashboard,
so each node brings its own, and is asked beforehand whether they are the right ones.
"""

import hashlib
import secrets
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, cast

import ray
from pydantic import SecretStr
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from adapters.settings import Keys, Settings, load_keys, load_settings
from domain.errors import RejectedError, SpotOptimizerError

PACKAGE = "spot-optimizer"
ANSWER_S = 60.0
"""A node that has never run a task of ours starts a worker first, which imports the package."""


def check_nodes(settings: Settings) -> None:
    """Ask every living node what it has.

    Raises
    ------
    RejectedError
        Something differs: the message names the node and what to set there.
    """
    salt = secrets.token_hex(16)
    wanted = described(settings, salt)
    asked = {node["NodeManagerAddress"]: _ask(node["NodeID"], salt) for node in cast(Any, ray).nodes() if node["Alive"]}
    for address, answer in asked.items():
        try:
            found = ray.get(answer, timeout=ANSWER_S)
        except RayError as err:
            reason = str(getattr(err, "cause", None) or err).strip().splitlines()[-1]
            raise RejectedError(f"Ray node {address} cannot run {PACKAGE} {version(PACKAGE)}: {reason}") from err
        if problem := difference(wanted, found):
            raise RejectedError(f"Ray node {address} {problem}")


def described(settings: Settings, salt: str) -> dict[str, str]:
    """What has to be the same everywhere, without saying what it is: salted hashes, and the release."""
    keys = _keys(settings)
    shared = {
        "DATABASE_URL": _text(settings.database_url),
        "REDIS_URL": _text(settings.redis_url),
        "SPOTOPT_SESSION_KEYS": ",".join(key.secret.hex() for key in keys.session) if keys else "",
        "SPOTOPT_ENCRYPTION_KEYS": ",".join(key.secret.hex() for key in keys.encryption) if keys else "",
    }
    hashed = {
        name: hashlib.sha256(f"{salt}{text}".encode()).hexdigest() if text else "" for name, text in shared.items()
    }
    return {PACKAGE: version(PACKAGE), **hashed}


def difference(wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What a node lacks, as the end of a sentence that begins with its name; empty when it has all."""
    if "error" in found:
        return f"has settings that cannot be read: {found['error']}"
    if found[PACKAGE] != wanted[PACKAGE]:
        return f"has {PACKAGE} {found[PACKAGE]}, this is {wanted[PACKAGE]}: install the same on all nodes"
    wrong = [name for name, text in wanted.items() if found[name] != text]
    if not wrong:
        return ""
    missing = "no" if not found[wrong[0]] else "another"
    rest = f" (nor the right {', '.join(wrong[1:])})" if wrong[1:] else ""
    return f"has {missing} {wrong[0]}{rest}: start Ray there with the environment that `spotopt up` has"


def look_here(salt: str) -> dict[str, str]:
    """What this node has; an error in its settings is an answer, too."""
    try:
        return described(load_settings(), salt)
    except SpotOptimizerError as err:
        return {"error": str(err)}


def _keys(settings: Settings) -> Keys | None:
    """The keys, but none made anew: a node that has none of its own is to be given ours."""
    given = settings.session_keys.get_secret_value() and settings.encryption_keys.get_secret_value()
    return load_keys(settings) if given or (settings.data_dir / "keys").exists() else None


def _ask(node_id: str, salt: str) -> Any:
    here = NodeAffinitySchedulingStrategy(node_id=node_id, soft=False)
    return ray.remote(look_here).options(num_cpus=0, scheduling_strategy=here, max_retries=1).remote(salt)


def _text(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
