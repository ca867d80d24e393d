"""What there is: AWS accounts, the clusters in them, two customers from the start, and how fast time goes."""

from dataclasses import dataclass

from demo.clusters.bakery import BAKERY
from demo.clusters.batch import BATCH
from demo.clusters.character import Character
from demo.clusters.messy import MESSY
from demo.clusters.tiny import TINY
from demo.clusters.training import TRAINING
from demo.clusters.web_shop import WEB_SHOP

PLATFORM_ACCOUNT = "999988887777"
"""AWS account that the platform itself runs in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whoever has an AWS account with clusters."""

    account_id: str
    clusters: tuple[Character, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant(Owner):
    """A customer from the start."""

    organization: str
    person: str
    email: str


TENANTS = (
    Tenant(
        organization="Larkspur Goods",
        person="Ada",
        email="ada@larkspur.example",
        account_id="111122223333",
        clusters=(WEB_SHOP, TRAINING, TINY),
    ),
    Tenant(
        organization="Harbour Analytics",
        person="Ben",
        email="ben@harbour.example",
        account_id="444455556666",
        clusters=(BATCH, MESSY),
    ),
)

WAITING = Owner(account_id="777788889999", clusters=(BAKERY,))
"""For whoever watches: a cluster that nobody has connected yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast things happen, in real seconds.

    Parameters
    ----------
    boot_s
        From the launch of an instance to its node; about a minute in AWS.
    notice_s
        From the notice of an interruption to the end of the instance; two minutes in AWS.
    first_s
        From the start to the first interruption: soon, so that nobody waits for it, and when the first plans are
        carried out.
    next_s
        From the first end of a pool's capacity to that of the next pool, and so on.
    apart_s
        Between the interruptions of two instances of one pool. In the recordings all go at once; here they go one after
        another, so that it can be watched how the others are moved away in time.
    interruptions, prices
        How many times faster than recorded.
    patience_s
        How long pods may fit nowhere before a cluster's own autoscaler adds a node.
    """

    boot_s: float = 12.0
    notice_s: float = 60.0
    first_s: float = 100.0
    next_s: float = 90.0
    apart_s: float = 75.0
    interruptions: float = 12.0
    prices: float = 300.0
    patience_s: float = 90.0


PACE = Pace()
