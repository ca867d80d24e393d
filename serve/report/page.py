"""Puts the report together."""

from importlib.resources import files

import jinja2
import orjson
from markupsafe import Markup

from domain.market import Catalog
from domain.plan import Plan
from domain.policy import Policy
from domain.snapshot import Snapshot
from serve import words
from serve.report.chart import trace_chart
from serve.report.data import report_data
from serve.report.sections import bars, cost_bar, headline, waterfall_rows
from serve.report.waterfall import waterfall

_UNSAFE_IN_SCRIPT = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def report_html(plan: Plan, *, snapshot: Snapshot, catalog: Catalog, policy: Policy) -> str:
    """The whole report as one HTML document.

    Parameters
    ----------
    plan
        The plan to tell of.
    snapshot
        The cluster it was made for, nodes with their prices.
    catalog
        Types and prices used.
    policy
        The policy planned under.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("serve.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["w"] = words
    terms = waterfall(plan, snapshot=snapshot, catalog=catalog)
    return environment.get_template("page.html.j2").render(
        plan=plan,
        snapshot=snapshot,
        catalog=catalog,
        policy=policy,
        headline=headline(plan, snapshot),
        cost_bar=cost_bar(plan),
        chart=trace_chart(plan.trace),
        steps=waterfall_rows(plan, terms),
        by_pool=bars(snapshot.nodes, plan.nodes, key=lambda node: node.template or "no pool"),
        by_type=bars(snapshot.nodes, plan.nodes, key=lambda node: node.instance_type or "unknown type"),
        risk_rows=words.risk_rows(plan, loss_share=policy.max_loss_share),
        style=_inline("report.css"),
        scripts=[_inline(name) for name in ("treemap.js", "map.js", "tables.js", "report.js")],
        data=Markup(json_for_script(report_data(plan, snapshot=snapshot, catalog=catalog))),  # noqa: S704
    )


def json_for_script(value: object) -> str:
    """JSON that may stand inside a ``<script>`` element: no character in it can end the element or start another."""
    text = orjson.dumps(value).decode()
    for character, escape in _UNSAFE_IN_SCRIPT.items():
        text = text.replace(character, escape)
    return text


def _inline(name: str) -> Markup:
    return Markup(files("serve.report").joinpath(name).read_text(encoding="utf-8"))  # noqa: S704
