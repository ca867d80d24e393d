"""The mails the platform writes, each as text and HTML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from adapters.mail.mail import Mail


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """A cluster in the weekly report; amounts as they are to be read, with their currency."""

    cluster: str
    spend: str
    saved: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeeklyReport:
    """What the weekly report tells. ``baseline`` says what the saving is measured against."""

    organization: str
    first_day: date
    last_day: date
    spend: str
    saved: str
    baseline: str
    rows: Sequence[ReportRow]
    url: str
    unsubscribe_url: str


def confirm_mail(to: str, *, url: str, valid_h: int) -> Mail:
    """Asks to confirm an address."""
    return _mail("confirm", to, "Confirm your e-mail address", {"url": url, "valid_h": valid_h})


def reset_mail(to: str, *, url: str, valid_min: int) -> Mail:
    """Lets somebody choose a new password."""
    return _mail("reset", to, "Choose a new password", {"url": url, "valid_min": valid_min})


def invite_mail(to: str, *, organization: str, inviter: str, url: str, valid_d: int) -> Mail:
    """Invites somebody into an organisation."""
    context = {"organization": _one_line(organization), "inviter": _one_line(inviter), "url": url, "valid_d": valid_d}
    return _mail("invite", to, f"Join {_one_line(organization)[:80]} on Spot Optimizer", context)


def weekly_report_mail(to: str, report: WeeklyReport) -> Mail:
    """Tells what a week cost and saved."""
    subject = f"Your week on Spot Optimizer, {report.first_day:%d %b} to {report.last_day:%d %b %Y}"
    return _mail("weekly_report", to, subject, {"report": report})


def _mail(name: str, to: str, subject: str, context: Mapping[str, Any]) -> Mail:
    environment = _environment()
    values = {**context, "subject": subject}
    return Mail(
        to=to,
        subject=subject,
        text=environment.get_template(f"{name}.txt.j2").render(values),
        html=environment.get_template(f"{name}.html.j2").render(values),
    )


def _one_line(name: str) -> str:
    """A name that somebody chose, fit for a subject: unprintable characters become spaces."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("adapters.mail"),
        autoescape=select_autoescape(enabled_extensions=("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
