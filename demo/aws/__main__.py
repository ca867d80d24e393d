"""``python -m demo.aws``: serves a world until its standard input ends; the first line it writes is its address.

For demos, set ``AWS_ENDPOINT_URL`` to that address, and any ``AWS_ACCESS_KEY_ID`` and ``AWS_SECRET_ACCESS_KEY``.
"""

import argparse
import sys

from demo.aws.prefilled import Prefilled
from demo.aws.world import World, served


def main(arguments: list[str]) -> int:
    """Serve."""
    parser = argparse.ArgumentParser(prog="python -m demo.aws", description=__doc__)
    parser.add_argument("--clusters", type=int, default=0, help="clusters that every account has")
    parser.add_argument("--nodes", type=int, default=50, help="nodes of each cluster")
    parser.add_argument("--regions", default="us-east-1,eu-west-1", help="regions that have clusters")
    parser.add_argument(
        "--filler", type=int, default=0, help="bytes that each product of the price list carries besides"
    )
    options = parser.parse_args(arguments)
    world = World()
    world.market.filler = options.filler
    if options.clusters:
        world.prefilled = Prefilled(tuple(options.regions.split(",")), options.clusters, options.nodes)
    with served(world) as url:
        print(url, flush=True)  # noqa: T201 - what starts it reads this
        sys.stdin.read()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
