"""The catalogue of what AWS sells: carried baseline and loading of one region.

`load_catalog` is what planning uses. Building a newer file from an AWS account is `adapters.catalog.refresh`, imported
by that name: it brings boto3, which planning offline should not wait for.
"""

from adapters.catalog.live import LiveFigures
from adapters.catalog.load import describe_type, load_catalog, regions, zones_of

__all__ = ["LiveFigures", "describe_type", "load_catalog", "regions", "zones_of"]
