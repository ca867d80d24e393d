"""Tables of numbers and short texts as Parquet files."""

from adapters.parquet.writer import Column, Kind, ParquetWriter

__all__ = ["Column", "Kind", "ParquetWriter"]
