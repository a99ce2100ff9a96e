"""boto3's client, set up for S3 and for what speaks like it, and its errors in plain words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import boto3.session
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, beside HTTPClientError
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
)

from jobs.stores.base import AccessDenied, ObjectChanged, ObjectMissing, StoreError, StoreUnavailable
from jobs.stores.s3_access import S3Access

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

CREDENTIALS_REMEDY = "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and what they may do in this bucket"
ENDPOINT_REMEDY = "check the network, and AWS_ENDPOINT_URL_S3 if the store is not AWS"
REGION_REMEDY = "set AWS_REGION to the bucket's own region"
REMEDIES = {
    "NoSuchBucket": "create the bucket, or name one that exists",
    "InvalidBucketName": "name a bucket that exists",
    "InvalidAccessKeyId": CREDENTIALS_REMEDY,
    "SignatureDoesNotMatch": CREDENTIALS_REMEDY,
    "AccessDenied": CREDENTIALS_REMEDY,
    "403": CREDENTIALS_REMEDY,
    "ExpiredToken": "renew the credentials",
    "RequestTimeTooSkewed": "set this machine's clock",
    "PermanentRedirect": REGION_REMEDY,
    "AuthorizationHeaderMalformed": REGION_REMEDY,
    "301": REGION_REMEDY,
    "NotImplemented": "use a store that implements conditional writes, such as AWS S3, SeaweedFS or MinIO",
}
MISSING_CODES = {"NoSuchKey", "404", "NotFound"}
# Other answers of status 403 say that the keys themselves are no good, for this object and for any other.
DENIED_CODES = {"AccessDenied", "403"}
PASSING_STATUSES = {408, 429}


def s3_client(access: S3Access, *, max_attempts: int = 8) -> "S3Client":
    """A client to share between threads; it tries again by itself, with pauses of up to 20 s.

    Path addressing and checksums only where required: many stores other than AWS refuse the defaults.
    """
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": max_attempts},
        connect_timeout=5,
        read_timeout=60,
        max_pool_connections=64,
    )
    try:
        client = boto3.session.Session().client(
            "s3",
            endpoint_url=access.endpoint_url,
            aws_access_key_id=access.access_key_id,
            aws_secret_access_key=access.secret_access_key,
            config=config,
        )
    except (BotoCoreError, ValueError) as error:
        raise StoreError(f"S3 cannot be reached: {error}; {ENDPOINT_REMEDY}") from error
    _add_to_every_call(client, access.parameters)
    return client


def _add_to_every_call(client: "S3Client", parameters: Mapping[str, str]) -> None:
    """In one place, so that no call can be forgotten: paginators and the parts of an upload come by, too."""

    def add(params: dict[str, Any], model: Any, **_: object) -> None:
        known = model.input_shape.members
        params.update({name: value for name, value in parameters.items() if name in known})

    client.meta.events.register("before-parameter-build.s3", add)


@contextmanager
def clear_errors(what: str) -> Iterator[None]:
    """Turn botocore's errors into `StoreError`s that name `what` was touched and what to do."""
    try:
        yield
    except ClientError as error:
        raise _refusal(what, error) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
        raise StoreError(f"{what}: {error}; {CREDENTIALS_REMEDY}") from error
    except (HTTPClientError, ConnectionError) as error:
        raise StoreUnavailable(f"{what}: {error}; {ENDPOINT_REMEDY}") from error
    except BotoCoreError as error:
        raise StoreError(f"{what}: {error}; {ENDPOINT_REMEDY}") from error


def error_code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def http_status(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def num_retries(error: ClientError) -> int:
    return error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)


def _refusal(what: str, error: ClientError) -> StoreError:
    code, status = error_code(error), http_status(error)
    if code in MISSING_CODES:
        return ObjectMissing(f"{what} does not exist")
    if status == 412:
        return ObjectChanged(f"{what} has been replaced in the meantime; submit it again")
    if (status >= 500 and code not in REMEDIES) or status in PASSING_STATUSES:
        return StoreUnavailable(f"{what}: {error}; {ENDPOINT_REMEDY}")
    kind = AccessDenied if code in DENIED_CODES else StoreError
    return kind(f"{what}: {error}; {REMEDIES.get(code, ENDPOINT_REMEDY)}")
