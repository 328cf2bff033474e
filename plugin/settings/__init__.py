"""Settings of one installation: what there is (``sections``), where values come from (``load``)."""

from plugin.settings.audit import AuditSettings
from plugin.settings.load import (
    ENVIRONMENT_PREFIX,
    SECRETS_VARIABLE,
    SettingRow,
    Settings,
    embedded_broker_socket,
    load_settings,
    setting_rows,
)
from plugin.settings.openid import OpenIdSettings
from plugin.settings.sections import (
    MODE_SENTENCES,
    DeliverySettings,
    NodeSettings,
    RegistrySettings,
    SpoolSettings,
    TlsSettings,
    WebSettings,
    WorkerSettings,
    is_loopback,
)

__all__ = [
    "ENVIRONMENT_PREFIX",
    "MODE_SENTENCES",
    "SECRETS_VARIABLE",
    "AuditSettings",
    "DeliverySettings",
    "NodeSettings",
    "OpenIdSettings",
    "RegistrySettings",
    "SettingRow",
    "Settings",
    "SpoolSettings",
    "TlsSettings",
    "WebSettings",
    "WorkerSettings",
    "embedded_broker_socket",
    "is_loopback",
    "load_settings",
    "setting_rows",
]
