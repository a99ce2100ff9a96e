"""The servers that other tests rest on keep what they acknowledged, also when they are killed."""

from pathlib import Path

import pytest
import redis

from tests.servers import free_ports, s3_server, valkey_server


@pytest.mark.integration
def test_a_valkey_that_is_killed_and_started_again_has_its_data(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with valkey_server(tmp_path, port=port) as url, redis.Redis.from_url(url) as client:
        client.set("key", "value")
    with valkey_server(tmp_path, port=port) as url, redis.Redis.from_url(url) as client:
        assert client.get("key") == b"value"


@pytest.mark.integration
def test_two_s3_servers_run_side_by_side_and_one_comes_back_with_its_data(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with s3_server(tmp_path, port=port) as first, s3_server() as second:
        first.store().put("key", b"value")
        assert second.store().get("key") is None
    with s3_server(tmp_path, port=port) as again:
        assert again.store().get("key") == b"value"
