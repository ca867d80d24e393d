"""The catalogue of what AWS sells: carried baseline, refresh from AWS, and loading of one region.

`load_catalog` is what planning uses; `refresh_catalog` builds a newer file from an AWS account.
"""

from adapters.catalog.load import describe_type, load_catalog, regions, zones_of

__all__ = ["describe_type", "load_catalog", "regions", "zones_of"]
