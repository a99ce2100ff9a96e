"""Where an S3 store is, as whom it is used, and what every call to it carries."""

from dataclasses import dataclass, field
from typing import Literal

Encryption = Literal["AES256", "aws:kms"]


@dataclass(frozen=True, slots=True)
class S3Access:
    """Endpoint and keys that are None come from boto3's own chain (environment, profile, instance).

    `encryption` is what the server does to new objects (SSE-S3, or SSE-KMS with `kms_key_id` or the account's
    own key); `bucket_owner` the account that must own every bucket, or its server refuses the call.
    """

    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    encryption: Encryption | None = None
    kms_key_id: str | None = None
    bucket_owner: str | None = None

    @property
    def parameters(self) -> dict[str, str]:
        """By S3's names; a call takes those that it knows."""
        given = {
            "ServerSideEncryption": self.encryption,
            "SSEKMSKeyId": self.kms_key_id,
            "ExpectedBucketOwner": self.bucket_owner,
        }
        return {name: value for name, value in given.items() if value is not None}


DEFAULT_ACCESS = S3Access()
