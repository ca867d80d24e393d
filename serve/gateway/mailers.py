"""The mailer that the settings ask for."""

from adapters.clock import Clock
from adapters.mail.folder import FolderMailer
from adapters.mail.mail import Mailer
from adapters.mail.ses import SesMailer
from adapters.mail.smtp import SmtpMailer, SmtpServer
from adapters.settings import MailBackend, Settings

FOLDER = "mail"
"""Folder under data_dir where mails lie that go nowhere."""


def mailer_of(settings: Settings, clock: Clock) -> Mailer:
    """A folder while developing, SMTP or SES else."""
    match settings.mail_backend:
        case MailBackend.SMTP:
            server = SmtpServer(
                host=settings.smtp_host,
                port=settings.smtp_port,
                user=settings.smtp_user,
                password=settings.smtp_password.get_secret_value(),
            )
            return SmtpMailer(server, clock, sender=settings.mail_from)
        case MailBackend.SES:
            return SesMailer(clock, sender=settings.mail_from, region=settings.aws_region)
        case MailBackend.FOLDER:
            return FolderMailer(settings.data_dir / FOLDER, clock, sender=settings.mail_from)
