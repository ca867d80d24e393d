"""Parquet files, as far as tables of numbers and short texts need them.

Written here, without a library: pyarrow would add 45 MB to an image for the sake of one kind of file. The subset is
small (PLAIN encoding, no compression, no nulls, one data page per column and row group) and any reader takes it.
"""

from adapters.parquet.writer import Column, Kind, ParquetWriter

__all__ = ["Column", "Kind", "ParquetWriter"]
