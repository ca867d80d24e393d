"""CreateFleet of type instant: chooses pools as AWS says it does, and has moto start what they hold."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from demo.aws.requests import Answer, Asked, refusal

PoolKey = tuple[str, str]
"""Instance type and zone id."""

NO_CAPACITY = "InsufficientInstanceCapacity"
_CONFIG = "LaunchTemplateConfigs.1"
_INSTANCE = re.compile(rb"<item>(i-[0-9a-f]+)</item>|<instanceIds>\s*<item>(i-[0-9a-f]+)</item>")

Forward = Callable[[Mapping[str, str]], Answer]
"""Sends a form to moto on behalf of whoever asked."""


@dataclass
class Fleets:
    """Pools with their room, and what was answered to each client token.

    Parameters
    ----------
    rooms
        Instances that a pool still has room for; others have plenty. Zero: it is full.
    refusals
        Error codes that pools answer with whatever their room.
    """

    rooms: dict[PoolKey, int] = field(default_factory=dict)
    refusals: dict[PoolKey, str] = field(default_factory=dict)
    tokens: dict[tuple[str, str], tuple[str, Answer]] = field(default_factory=dict)

    def create(
        self,
        asked: Asked,
        forward: Forward,
        *,
        account: str,
        zone_of: Mapping[str, str],
        price: Callable[[str, PoolKey], float],
    ) -> Answer:
        """Answer a CreateFleet; ``zone_of`` gives zone ids by subnet id."""
        token, wanted = asked.form.get("ClientToken", ""), _asked_for(asked.form)
        known = self.tokens.get((account, token))
        if token and known is not None:
            same = known[0] == wanted
            return known[1] if same else refusal(asked, "IdempotentParameterMismatch", "other arguments", status=400)
        answer = self._answer(asked, forward, zone_of=zone_of, price=price)
        if answer[0] == 200:
            self.tokens[(account, token)] = (wanted, answer)
        return answer

    def _answer(
        self, asked: Asked, forward: Forward, *, zone_of: Mapping[str, str], price: Callable[[str, PoolKey], float]
    ) -> Answer:
        form = asked.form
        spot = form["TargetCapacitySpecification.DefaultTargetCapacityType"] == "spot"
        overrides = _overrides(form)
        key = {number: (o["InstanceType"], zone_of.get(o["SubnetId"], "")) for number, o in overrides.items()}
        order = sorted(
            overrides,
            key=lambda n: (price(asked.region, key[n]) if spot else float(overrides[n].get("Priority") or n), n),
        )
        left, items, errors = int(form["TargetCapacitySpecification.TotalTargetCapacity"]), "", ""
        for number in order:
            if left == 0:
                break
            room = 0 if key[number] in self.refusals else self.rooms.get(key[number], left)
            if taken := min(room, left):
                answer = forward(_narrowed(form, number, taken))
                if answer[0] != 200:
                    return answer
                ids = [a or b for a, b in (m.groups() for m in _INSTANCE.finditer(answer[2]))]
                items += _launched(ids, key[number], overrides[number], spot=spot)
                left -= taken
                if key[number] in self.rooms:
                    self.rooms[key[number]] -= taken
            if left:
                code = self.refusals.get(key[number], NO_CAPACITY)
                errors += _failed(code, key[number], overrides[number], spot=spot)
        text = (
            '<CreateFleetResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><fleetId>fleet-1</fleetId>'
            f"<fleetInstanceSet>{items}</fleetInstanceSet><errorSet>{errors}</errorSet></CreateFleetResponse>"
        )
        return 200, [("Content-Type", "text/xml")], text.encode()


def _asked_for(form: Mapping[str, str]) -> str:
    return urlencode(sorted((key, value) for key, value in form.items() if key not in ("Version", "DryRun")))


def _overrides(form: Mapping[str, str]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for name, value in form.items():
        if match := re.fullmatch(rf"{re.escape(_CONFIG)}\.Overrides\.(\d+)\.(\w+)", name):
            found.setdefault(int(match.group(1)), {})[match.group(2)] = value
    return found


def _narrowed(form: Mapping[str, str], number: int, count: int) -> dict[str, str]:
    """The same request for one pool, and as many as it has room for."""
    kept = {name: value for name, value in form.items() if ".Overrides." not in name and name != "ClientToken"}
    start = f"{_CONFIG}.Overrides.{number}."
    own = {
        f"{_CONFIG}.Overrides.1.{name.removeprefix(start)}": value
        for name, value in form.items()
        if name.startswith(start) and not name.endswith("Priority")
    }
    return kept | own | {"TargetCapacitySpecification.TotalTargetCapacity": str(count)}


def _launched(ids: list[bytes], key: PoolKey, override: Mapping[str, str], *, spot: bool) -> str:
    names = "".join(f"<item>{name.decode()}</item>" for name in ids)
    return (
        f"<item><instanceIds>{names}</instanceIds><instanceType>{key[0]}</instanceType>"
        f"<lifecycle>{'spot' if spot else 'on-demand'}</lifecycle>{_template(override)}</item>"
    )


def _failed(code: str, key: PoolKey, override: Mapping[str, str], *, spot: bool) -> str:
    return (
        f"<item><errorCode>{code}</errorCode><errorMessage>{key[0]} in {key[1]}</errorMessage>"
        f"<lifecycle>{'spot' if spot else 'on-demand'}</lifecycle>{_template(override)}</item>"
    )


def _template(override: Mapping[str, str]) -> str:
    return (
        "<launchTemplateAndOverrides><overrides>"
        f"<instanceType>{override['InstanceType']}</instanceType><subnetId>{override['SubnetId']}</subnetId>"
        "</overrides></launchTemplateAndOverrides>"
    )
