"""What the mails say, and that nothing given in breaks out of them."""

from datetime import date

import pytest

from adapters.mail.mail import Mail
from adapters.mail.templates import (
    ReportRow,
    WeeklyReport,
    confirm_mail,
    invite_mail,
    reset_mail,
    weekly_report_mail,
)

TO = "ada@example.com"
URL = "https://spot.example.com/go?token=a&next=b"


def make_report(*rows: ReportRow, organization: str = "Acme") -> WeeklyReport:
    return WeeklyReport(
        organization=organization,
        first_day=date(2026, 3, 2),
        last_day=date(2026, 3, 8),
        spend="$1,204.10",
        saved="$2,310.55",
        baseline="on-demand prices of the same nodes",
        rows=rows,
        url=URL,
        unsubscribe_url="https://spot.example.com/stop",
    )


@pytest.mark.parametrize(
    ("mail", "words"),
    [
        (confirm_mail(TO, url=URL, valid_h=24), "within 24 hours"),
        (reset_mail(TO, url=URL, valid_min=30), "within 30 minutes"),
        (invite_mail(TO, organization="Acme", inviter="Bob", url=URL, valid_d=7), "Bob invites you to Acme"),
        (weekly_report_mail(TO, make_report()), "No cluster reported this week"),
    ],
)
def test_both_forms_say_it_and_carry_the_link(mail: Mail, words: str) -> None:
    assert words in mail.text
    assert words in mail.html
    assert URL in mail.text
    assert f'href="{URL.replace("&", "&amp;")}"' in mail.html


def test_names_that_people_choose_cannot_become_markup_or_headers() -> None:
    mail = invite_mail(TO, organization="<b>A</b>\r\nBcc: x", inviter="<script>", url=URL, valid_d=7)
    assert "<script>" not in mail.html
    assert "&lt;script&gt;" in mail.html
    assert mail.subject == "Join <b>A</b> Bcc: x on Spot Optimizer"
    assert len(invite_mail(TO, organization="x" * 500, inviter="B", url=URL, valid_d=7).subject) < 200


def test_text_is_not_escaped() -> None:
    assert "O'Neil & Sons" in weekly_report_mail(TO, make_report(organization="O'Neil & Sons")).text


def test_the_report_has_a_line_per_cluster_its_baseline_and_a_way_out() -> None:
    rows = (
        ReportRow(cluster="prod", spend="$1", saved="$2", note="new"),
        ReportRow(cluster="dev", spend="$3", saved="$4"),
    )
    mail = weekly_report_mail(TO, make_report(*rows))
    assert mail.subject == "Your week on Spot Optimizer, 02 Mar to 08 Mar 2026"
    assert "prod: spent $1, saved $2 (new)\ndev: spent $3, saved $4\n" in mail.text
    assert mail.html.count("<tr>") == 3
    for form in (mail.text, mail.html):
        assert "on-demand prices of the same nodes" in form
        assert "https://spot.example.com/stop" in form
