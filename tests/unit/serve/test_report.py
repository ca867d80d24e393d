import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from domain.plan import Plan, PlannedNode, Progress
from domain.policy import Policy
from domain.snapshot import Snapshot
from serve.report import report_html
from serve.report.chart import trace_chart
from serve.report.page import json_for_script
from serve.report.sections import BARS_SHOWN, bars, headline
from tests.unit.serve.builders import CATALOG, make_node, make_plan, make_planned, make_pod, make_snapshot

SNAPSHOT = make_snapshot()
PLAN = make_plan(SNAPSHOT)
HOSTILE = "</script><script>alert(1)</script>\u2028&<!--"


class Page(HTMLParser):
    """Tags with their attributes, text outside of scripts and styles, and the embedded data."""

    VOID = frozenset({"meta", "link", "br", "input", "col"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.raw: dict[str, list[str]] = {"script": [], "style": []}
        self.open: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        if tag in self.raw:
            self.raw[tag].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in self.raw:
            self.raw[self.open[-1]][-1] += data
        else:
            self.text += data

    @property
    def data(self) -> dict[str, object]:
        return json.loads(self.raw["script"][0])


def page(plan: Plan = PLAN, snapshot: Snapshot = SNAPSHOT) -> Page:
    return Page(report_html(plan, snapshot=snapshot, catalog=CATALOG, policy=Policy()))


def test_the_headline_figures_are_there_without_any_script() -> None:
    text = page().text

    for figure in ("$2,936", "$1,150", "$1,786", "1.52 %", "$1.55 an hour", "prices as of 2026-10-01"):
        assert figure in text


def test_elements_are_closed_in_order() -> None:
    assert page().open == []


def test_nothing_is_loaded_from_anywhere() -> None:
    html = report_html(PLAN, snapshot=SNAPSHOT, catalog=CATALOG, policy=Policy())
    found = Page(html)

    assert re.findall(r"https?://|//\w+\.\w+/|@import|url\(", html) == []
    sources = [attrs.get("src") or attrs.get("href") or "" for _, attrs in found.tags]
    assert all(source.startswith(("#", "data:")) for source in sources if source)
    assert len(found.raw["script"]) == 2


def test_hostile_names_stay_text() -> None:
    pods = (make_pod(HOSTILE, namespace="web", node="evil"),)
    node = replace(make_node("evil"), template="<img src=x onerror=alert(1)>")
    snapshot = Snapshot(region="us-east-1", zones=SNAPSHOT.zones, nodes=(node,), pods=pods)
    plan = replace(PLAN, nodes=(make_planned("new-1", pods=(pods[0].key,)),), actions=(), notes=(HOSTILE,))

    found = page(plan, snapshot)

    assert len(found.raw["script"]) == 2
    assert "img" not in {tag for tag, _ in found.tags}
    assert found.data["pods"]["name"] == [HOSTILE]
    assert HOSTILE in found.text


@pytest.mark.parametrize("text", [HOSTILE, "]]>", "\u2029", "ü 東京"])
def test_json_in_a_script_reads_back_and_cannot_end_it(text: str) -> None:
    written = json_for_script({"a": text})

    assert json.loads(written) == {"a": text}
    assert not set(written) & set("<>&\u2028\u2029")


def test_every_action_pod_node_and_reason_is_in_the_data() -> None:
    data = page().data
    actions = data["actions"]
    evicted = [move for row in actions if row[1] == "evict" for move in row[4]["moves"]]

    assert len(data["pods"]["name"]) == len(SNAPSHOT.pods)
    assert len(evicted) == sum(action.kind == "evict" for action in PLAN.actions)
    assert len(data["kept"]) == len(PLAN.kept)
    assert {"memory", "dearer, same risk", PLAN.kept[0].reason.text} <= set(data["texts"])


def test_every_pod_is_where_snapshot_and_plan_say() -> None:
    data = page().data
    before, after = data["before"], data["after"]
    where = {key: node.name for node in PLAN.nodes for key in node.pods}
    for number, pod in enumerate(SNAPSHOT.pods):
        assert before["nodes"][before["at"][number]]["name"] == pod.node_name
        place = after["at"][number]
        assert (after["nodes"][place]["name"] if place >= 0 else None) == where.get(pod.key)


def test_graphics_have_words_for_who_cannot_see_them() -> None:
    graphics = [attrs for _, attrs in page().tags if attrs.get("role") == "img"]

    assert len(graphics) == 2
    assert all(attrs.get("aria-label") for attrs in graphics)


def test_a_thousand_nodes_stay_a_small_file() -> None:
    snapshot = make_snapshot(nodes=1000, pods_per_node=10)

    html = report_html(make_plan(snapshot), snapshot=snapshot, catalog=CATALOG, policy=Policy())

    assert len(html) < 1_500_000


def test_from_scratch_there_is_no_saving_to_speak_of() -> None:
    snapshot = replace(SNAPSHOT, nodes=(), pods=tuple(replace(pod, node_name="") for pod in SNAPSHOT.pods))
    found = page(replace(PLAN, cost_usd_per_h=0.0), snapshot)

    assert headline(replace(PLAN, cost_usd_per_h=0.0), snapshot).startswith("7 nodes for $1,150 a month")
    assert "Cost now" not in found.text
    assert "Where the saving comes from" not in found.text


def test_a_plan_without_trace_actions_or_nodes_makes_a_page() -> None:
    empty = replace(PLAN, nodes=(), actions=(), kept=(), unschedulable=(), trace=(), notes=())

    assert "What to do, in order" in page(empty, replace(SNAPSHOT, nodes=(), pods=())).text


def test_a_plan_that_must_add_room_says_what_it_costs() -> None:
    dearer = replace(PLAN, planned_cost_usd_per_h=PLAN.cost_usd_per_h + 1)

    assert headline(dearer, SNAPSHOT) == "Room for every pod costs $730 a month more: 12 nodes → 7"


def test_a_long_tail_of_types_becomes_one_bar_and_loses_no_money() -> None:
    fleet: list[PlannedNode] = [
        replace(make_planned(f"n{n}"), instance_type=f"m{n}.large", price_usd_per_h=1.0 + n) for n in range(40)
    ]

    found = bars((), fleet, key=lambda node: node.instance_type)

    assert len(found) == BARS_SHOWN + 1
    assert found[-1].name == "all others"
    assert sum(bar.usd_per_h_planned for bar in found) == pytest.approx(sum(n.price_usd_per_h or 0 for n in fleet))


def test_a_trace_without_two_costs_draws_no_chart() -> None:
    one = Progress(seconds=1.0, phase="x", cost_usd_per_h=5.0, lower_bound_usd_per_h=4.0)

    assert trace_chart([one]) is None
    assert trace_chart([]) is None


def test_the_chart_holds_each_value_until_the_next() -> None:
    moments = [
        Progress(seconds=s, phase="x", cost_usd_per_h=c, lower_bound_usd_per_h=b) for s, c, b in ((0, 8, 2), (1, 6, 4))
    ]

    chart = trace_chart(moments)

    assert chart is not None
    corners = re.findall(r"[\d.]+", chart.cost_path)
    assert corners[0::2] == ["0.0", "1000.0", "1000.0"]
    assert corners[1] == corners[3] != corners[5]
