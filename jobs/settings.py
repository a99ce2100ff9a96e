"""What both sides read from the environment, once."""

import redis
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_MODEL = "smollm2-135m-instruct"


class Settings(BaseSettings):
    """`BYDAWN_BROKER_URL`, `BYDAWN_STORE`, `BYDAWN_MODEL`. The URL may hold a password: it never prints."""

    model_config = SettingsConfigDict(env_prefix="BYDAWN_", extra="ignore", frozen=True)

    broker_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    store: str = ""
    model: str = Field(default=DEFAULT_MODEL, min_length=1)

    def redis(self) -> "redis.Redis":
        """A client with finite timeouts; it connects at the first command."""
        return redis.Redis.from_url(
            self.broker_url.get_secret_value(),
            decode_responses=True,
            socket_timeout=10.0,
            socket_connect_timeout=5.0,
            health_check_interval=15,
        )
