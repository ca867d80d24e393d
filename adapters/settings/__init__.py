"""Settings of the platform, and the keys that it makes for itself on its first start."""

from adapters.settings.keys import Key, Keys, load_keys, rotate
from adapters.settings.settings import LogFormat, MailBackend, Settings, SettingsError, load_settings

__all__ = [
    "Key",
    "Keys",
    "LogFormat",
    "MailBackend",
    "Settings",
    "SettingsError",
    "load_keys",
    "load_settings",
    "rotate",
]
