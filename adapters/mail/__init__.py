"""Mails: composed from templates, sent through SES, SMTP, or into a folder while developing."""
