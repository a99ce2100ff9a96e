"""What both sides read from the environment, once."""

import re
from functools import cached_property
from typing import Annotated, Self

import redis
from pydantic import Field, FilePath, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from jobs.broker import SILENCE_LIMIT_S, Broker, parse_broker
from jobs.stores.allowed import check_prefix
from jobs.stores.s3_access import Encryption, S3Access

DEFAULT_MODEL = "smollm2-135m-instruct"


class Settings(BaseSettings):
    """`BYDAWN_BROKER_URL`, `BYDAWN_STORE`, `BYDAWN_MODEL` and so on; ops/SECURITY.md has those that guard.

    Secrets never print, nor does what is refused here: it may hold one.
    """

    model_config = SettingsConfigDict(
        env_prefix="BYDAWN_", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    broker_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    broker_username: str | None = None
    broker_password: SecretStr | None = None
    broker_ca_file: FilePath | None = None
    broker_master: str = Field(default="mymaster", description="the name that sentinels know Redis by")
    store: str = ""
    allowed_sources: Annotated[tuple[str, ...], NoDecode] = ()
    s3_encryption: Encryption | None = None
    s3_kms_key_id: str | None = None
    s3_bucket_owner: str | None = Field(default=None, pattern=r"^\d{12}$")
    model: str = Field(default=DEFAULT_MODEL, min_length=1)

    @field_validator("allowed_sources", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        # A prefix may itself hold commas.
        return tuple(re.split(r"\s*,\s*(?=s3://)", given.strip())) if isinstance(given, str) else given

    @field_validator("allowed_sources")
    @classmethod
    def _check_sources(cls, prefixes: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_prefix(prefix) for prefix in prefixes if prefix)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.s3_kms_key_id is not None and self.s3_encryption != "aws:kms":
            raise ValueError("BYDAWN_S3_KMS_KEY_ID needs BYDAWN_S3_ENCRYPTION=aws:kms")
        assert self.broker  # which says what is wrong with the address
        return self

    @cached_property
    def broker(self) -> Broker:
        return parse_broker(
            self.broker_url,
            self.broker_username,
            self.broker_password,
            self.broker_ca_file,
            self.broker_master,
        )

    @property
    def s3(self) -> S3Access:
        """Endpoint and credentials are boto3's to find."""
        return S3Access(
            encryption=self.s3_encryption,
            kms_key_id=self.s3_kms_key_id,
            bucket_owner=self.s3_bucket_owner,
        )

    def redis(self) -> "redis.Redis":
        """A client with finite timeouts; it connects at the first command."""
        return self.broker.client(
            decode_responses=True,
            socket_timeout=SILENCE_LIMIT_S,
            socket_connect_timeout=SILENCE_LIMIT_S,
            health_check_interval=15,
        )
