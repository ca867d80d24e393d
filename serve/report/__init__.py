"""The HTML report: one file that holds all it needs and asks no network for anything."""

from serve.report.page import report_html

__all__ = ["report_html"]
