"""Servers that tests share, each started once and only when a test asks for it."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests import interpreter as interpreter  # here, because it has to come before torch
from tests.servers import S3Server, ServerMissing, s3_server, valkey_server


def pytest_configure() -> None:
    """A shell's jobs in the background ignore Ctrl-C, and so would all that tests start and interrupt."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """A Redis URL; tests share the server, so take a key prefix or a database number of your own."""
    with _skipped_where_missing(), valkey_server() as url:
        yield url


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[S3Server]:
    """An S3 server; tests share its bucket, so take a prefix of your own."""
    with _skipped_where_missing(), s3_server() as server:
        yield server


@contextmanager
def _skipped_where_missing() -> Iterator[None]:
    """A server that is not installed skips tests on a developer's machine and fails them in CI."""
    try:
        yield
    except ServerMissing as error:
        if "CI" in os.environ:
            raise
        pytest.skip(str(error))
