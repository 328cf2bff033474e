"""Where the values of settings come from and in which order.

A TOML file is overruled by the environment (``CMR_TRIAGE_NODE__PORT``) and both by a folder of
secrets (one file per key, ``registry__url``). Peers and destinations are not settings: they live
in the registry and are edited while the system runs.
"""

import difflib
import hashlib
import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from pydantic import BaseModel, Field, PrivateAttr, SecretStr, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.urls import hide_password
from plugin.settings.audit import AuditSettings
from plugin.settings.openid import OpenIdSettings
from plugin.settings.sections import (
    AssemblySettings,
    DeliverySettings,
    LogSettings,
    NodeSettings,
    OperationSettings,
    QueueSettings,
    RegistrySettings,
    SpoolSettings,
    TlsSettings,
    WebSettings,
    WorkerSettings,
)

ENVIRONMENT_PREFIX = "CMR_TRIAGE_"
SECRETS_VARIABLE = "CMR_TRIAGE_SECRETS_DIR"
_DEFAULT_SOURCE = "default"
_MAXIMUM_SOCKET_PATH_BYTES = 107


class Settings(BaseSettings):
    """All settings of one installation; immutable."""

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        secrets_nested_delimiter="__",
        secrets_prefix="",
        secrets_dir_missing="error",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    operation: OperationSettings = Field(default_factory=OperationSettings)
    node: NodeSettings = Field(default_factory=NodeSettings)
    tls: TlsSettings = Field(default_factory=TlsSettings)
    spool: SpoolSettings = Field(default_factory=SpoolSettings)
    registry: RegistrySettings = Field(default_factory=RegistrySettings)
    queue: QueueSettings = Field(default_factory=QueueSettings)
    assembly: AssemblySettings = Field(default_factory=AssemblySettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)
    delivery: DeliverySettings = Field(default_factory=DeliverySettings)
    web: WebSettings = Field(default_factory=WebSettings)
    openid: OpenIdSettings = Field(default_factory=OpenIdSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    logs: LogSettings = Field(default_factory=LogSettings)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: what is written in the file or in code is the weakest."""
        secrets = NestedSecretsSettingsSource(
            file_secret_settings, secrets_dir=os.environ.get(SECRETS_VARIABLE)
        )
        return secrets, env_settings, init_settings

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if not self.node.plain and not self.tls.certificate:
            detail = "node.plain is false and tls.certificate is not set: nobody could call"
            raise ConfigurationError(Reason.SETTING_INVALID, detail)
        return self

    _sources: Mapping[str, str] = PrivateAttr(default_factory=dict)

    def source_of(self, key: str) -> str:
        """Return where the value of a setting comes from, as people look for it."""
        return self._sources.get(key, _DEFAULT_SOURCE)

    def remember_sources(self, sources: Mapping[str, str]) -> None:
        """Keep where values came from, by key; what is not named is a default."""
        self._sources = dict(sources)

    @property
    def is_live(self) -> bool:
        """Whether results are sent and the worklist is ordered by them."""
        return self.operation.mode == "live"

    @property
    def registry_url(self) -> str:
        """URL of the registry with the default filled in."""
        return self.registry.url or f"sqlite:///{self.spool.folder / 'registry.sqlite'}"

    @property
    def queue_url(self) -> str:
        """URL of the broker with the default filled in."""
        socket = quote(str(embedded_broker_socket(self.spool.folder)))
        return self.queue.url or f"redis+socket://{socket}?virtual_host=0"

    @property
    def embedded_queue(self) -> bool:
        """Whether the supervisor starts a Redis server of its own."""
        return not self.queue.url


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as the documentation, ``config show`` and the pages print it."""

    key: str
    value: str
    default: str
    description: str
    source: str


def load_settings(path: Path | None) -> Settings:
    """Read the settings: file < environment < secrets folder.

    Parameters
    ----------
    path
        TOML file, or None for defaults (and environment) only.

    Raises
    ------
    ConfigurationError
        If the file is missing or no TOML, a key is unknown or a value cannot be used; names the
        key, never the value.
    """
    written = _read_toml(path) if path is not None else {}
    _check_environment()
    try:
        settings = Settings(**written)
    except SettingsError as error:
        # Names the field and its source; the value is in the cause only.
        raise ConfigurationError(Reason.SETTING_INVALID, str(error)) from None
    except ValidationError as error:
        raise ConfigurationError(Reason.SETTING_INVALID, _sentence(error)) from None
    settings.remember_sources(_sources(path, written))
    return settings


def _sources(path: Path | None, written: Mapping[str, Any]) -> dict[str, str]:
    """Return where each value that was given comes from; the later source wins, as in reading."""
    secrets: Mapping[str, Any] = {}
    folder = os.environ.get(SECRETS_VARIABLE)
    if folder:
        source = SecretsSettingsSource(Settings)
        secrets = NestedSecretsSettingsSource(source, secrets_dir=folder)()
    found = dict.fromkeys(_keys(written), f"file {path}")
    for key in _keys(EnvSettingsSource(Settings)()):
        found[key] = f"environment {ENVIRONMENT_PREFIX}{key.replace('.', '__').upper()}"
    for key in _keys(secrets):
        found[key] = f"secret {key.replace('.', '__')}"
    return found


def _keys(values: Mapping[str, Any]) -> Iterator[str]:
    for section, inside in values.items():
        if isinstance(inside, Mapping):
            yield from (f"{section}.{name}" for name in inside)


def embedded_broker_socket(folder: Path) -> Path:
    """Return where the own Redis server of the spool ``folder`` listens.

    A Unix socket's path may not be longer than 107 bytes (sun_path less its final zero), so a deep
    spool folder gets a private folder with a short name, the same for every process of one user.
    """
    path = folder / "run" / "redis.sock"
    if len(os.fsencode(path)) <= _MAXIMUM_SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(f"/tmp/cmr-triage-{os.getuid()}-{name}/redis.sock")  # noqa: S108


def setting_rows(settings: Settings | None = None) -> list[SettingRow]:
    """List every setting with value (passwords hidden), default and meaning."""
    return list(_rows(settings or Settings.model_construct()))


def _rows(settings: Settings) -> Iterator[SettingRow]:
    for section in Settings.model_fields:
        values: BaseModel = getattr(settings, section)
        for name, field in type(values).model_fields.items():
            value = getattr(values, name)
            yield SettingRow(
                key=f"{section}.{name}",
                value=_as_toml(value),
                default=_as_toml(field.get_default(call_default_factory=True)),
                description=field.description or "",
                source=settings.source_of(f"{section}.{name}"),
            )


def _as_toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, SecretStr):
        return _as_toml("***" if value.get_secret_value() else "")
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_as_toml(one)}" for key, one in value.items())
        return f"{{ {', '.join(pairs)} }}" if value else "{}"
    if isinstance(value, str | Path):
        # A JSON string is a TOML string too, also with quotes and backslashes in it.
        return json.dumps(hide_password(str(value)), ensure_ascii=False)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        detail = f"{path}: {error.strerror}"
        raise ConfigurationError(Reason.SETTINGS_FILE_MISSING, detail) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{path}: not UTF-8 text") from None


def _check_environment() -> None:
    """Refuse what pydantic-settings overlooks: wrong sections and a single underscore.

    Variables that name no section, like ``CMR_TRIAGE_CONFIG``, are not settings.
    """
    secrets = os.environ.get(SECRETS_VARIABLE)
    if secrets is not None and not Path(secrets).is_dir():
        raise ConfigurationError(Reason.SETTING_INVALID, f"{SECRETS_VARIABLE}: no such folder")
    sections = set(Settings.model_fields)
    for variable in os.environ:
        name = variable.removeprefix(ENVIRONMENT_PREFIX)
        if name == variable:
            continue
        section, separator, key = name.lower().partition("__")
        if not separator:
            section, separator, key = name.lower().partition("_")
            if section not in sections or not key:
                continue
        elif section in sections:
            continue
        raise ConfigurationError(
            Reason.SETTING_INVALID, f"{variable}: unknown key{_suggestion(f'{section}.{key}')}"
        )


def _sentence(error: ValidationError) -> str:
    problems = []
    for problem in error.errors(include_input=False, include_url=False, include_context=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            problems.append(f"{key}: unknown key{_suggestion(key)}")
        else:
            problems.append(f"{key}: {problem['msg']}")
    return "; ".join(problems)


def _suggestion(key: str) -> str:
    known = [row.key for row in setting_rows()] + list(Settings.model_fields)
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
