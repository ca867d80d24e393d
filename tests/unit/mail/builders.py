"""Mails for tests."""

from adapters.mail.mail import Mail

SENDER = "Spot Optimizer <no-reply@example.com>"


def make_mail(
    *, to: str = "ada@example.com", subject: str = "Hello", text: str = "Plain", html: str = "<p>Rich</p>"
) -> Mail:
    return Mail(to=to, subject=subject, text=text, html=html)
