"""Addresses are checked, and nothing that is given in can become a header."""

import email
import email.policy
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.clock import VirtualClock
from adapters.mail.mail import checked_address, checked_sender, compose
from domain.errors import InputError
from tests.unit.mail.builders import SENDER, make_mail

CLOCK = VirtualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"}


@pytest.mark.parametrize(
    "address", ["ada@example.com", "a.b+c@mail.example.co.uk", "o'neil@example.com", "admin@localhost"]
)
def test_addresses_that_people_have_are_taken(address: str) -> None:
    assert checked_address(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "ada@-example.com",
        "ada@exam ple.com",
        "ada@example.com\n",
        "ada@example.com\r\nBcc: all@example.com",
        "a, b@example.com",
        "Ada <ada@example.com>",
        ".ada@example.com",
        "a..b@example.com",
        "a@" + "b" * 260,
        "ä@example.com",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="address"):
        checked_address(address)


@pytest.mark.parametrize("subject", ["", "Hi\r\nBcc: all@example.com", "Hi\nX: y", "Hi\x00", "x" * 201, "a\u2028b"])
def test_a_subject_is_one_printable_line(subject: str) -> None:
    with pytest.raises(InputError, match="subject"):
        make_mail(subject=subject)


def test_a_sender_may_have_a_name() -> None:
    assert checked_sender(SENDER) == ("Spot Optimizer", "no-reply@example.com")
    assert checked_sender("no-reply@example.com") == ("", "no-reply@example.com")


@pytest.mark.parametrize("sender", ["", "nobody", "Name <>", "A\nB <a@example.com>"])
def test_a_sender_without_an_address_is_refused(sender: str) -> None:
    with pytest.raises(InputError):
        checked_sender(sender)


def test_a_mail_carries_both_forms_in_seven_bits() -> None:
    mail = make_mail(subject="Grüße ✓", text="Zeile eins – zwei\n", html="<p>Zürich</p>")
    wire = bytes(compose(mail, sender=SENDER, clock=CLOCK))
    assert wire.isascii()
    read = email.message_from_bytes(wire, policy=email.policy.default)
    assert read["Subject"] == "Grüße ✓"
    assert read["From"] == SENDER
    assert read["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert read["Message-ID"].endswith("@example.com>")
    text, html = read.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert "Zeile eins – zwei" in text.get_content()
    assert "Zürich" in html.get_content()


@given(subject=st.text(min_size=1, max_size=200), text=st.text(max_size=300))
def test_no_text_adds_a_header(subject: str, text: str) -> None:
    try:
        mail = make_mail(subject=subject, text=text)
    except InputError:
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    read = email.message_from_bytes(bytes(compose(mail, sender=SENDER, clock=CLOCK)), policy=email.policy.default)
    assert set(read.keys()) == HEADERS
