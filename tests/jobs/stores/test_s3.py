"""S3 over bad networks, with bad addresses, and with servers that promise more than they keep."""

import socket
from collections.abc import Callable, Iterator

import pytest

from jobs.stores import ObjectChanged, ObjectStore, S3Access, StoreError, StoreUnavailable, open_store
from jobs.stores.locations import S3Location
from jobs.stores.s3 import S3Store
from tests.jobs.stores.flaky_s3 import Fault, FlakyS3, flaky_s3
from tests.proxy import CHUNK_BYTES, TcpProxy, tcp_proxy
from tests.servers import BUCKET, S3Server, free_ports

HEADERS_END = b"\r\n\r\n"


@pytest.fixture
def flaky() -> Iterator[FlakyS3]:
    with flaky_s3() as server:
        yield server


class TestCreate:
    def test_a_create_whose_answer_was_lost_counts_as_ours(self, flaky: FlakyS3) -> None:
        flaky.faults = [Fault.LOSE_ANSWER]
        assert flaky.store().create("part", b"mine")

    def test_a_retried_create_that_meets_another_body_is_not_ours(self, flaky: FlakyS3) -> None:
        flaky.objects["/bucket/part"] = b"theirs"
        flaky.faults = [Fault.LOSE_ANSWER]
        assert not flaky.store().create("part", b"mine")
        assert flaky.objects["/bucket/part"] == b"theirs"

    def test_a_retried_create_that_meets_the_same_body_of_another_is_not_ours(self, flaky: FlakyS3) -> None:
        flaky.objects["/bucket/part"] = b"mine"
        flaky.faults = [Fault.LOSE_ANSWER]
        assert not flaky.store().create("part", b"mine")

    def test_a_conflict_is_tried_again(self, flaky: FlakyS3) -> None:
        flaky.faults = [Fault.CONFLICT, Fault.CONFLICT]
        assert flaky.store().create("part", b"mine")
        assert flaky.objects["/bucket/part"] == b"mine"

    def test_endless_conflicts_are_unavailable_not_lost(self, flaky: FlakyS3) -> None:
        flaky.faults = [Fault.CONFLICT] * 20
        with pytest.raises(StoreUnavailable, match="too many writers"):
            flaky.store().create("part", b"mine")


class DyingSender(TcpProxy):
    """Of each request the server gets the headers alone, as from a client that dies before the body."""

    def _pass_on(self, source: socket.socket, target: socket.socket, *, are_answers: bool = False) -> None:
        if are_answers:
            super()._pass_on(source, target, are_answers=True)
            return
        headers, end, _ = source.recv(CHUNK_BYTES).partition(HEADERS_END)
        assert end, "all headers in one piece"
        target.sendall(headers + end)
        target.shutdown(socket.SHUT_WR)


WRITES: dict[str, Callable[[ObjectStore], object]] = {
    "put": lambda store: store.put("key", b"body"),
    "create": lambda store: store.create("key", b"body"),
    "upload": lambda store: store.upload("key", [b"bo", b"dy"]),
}


class TestDyingSender:
    @pytest.mark.integration
    @pytest.mark.parametrize("write", WRITES)
    def test_a_body_that_never_arrives_leaves_no_object(self, s3_endpoint: S3Server, write: str) -> None:
        prefix = f"dying-{write}"
        with tcp_proxy(s3_endpoint.port, DyingSender) as proxy:
            access = s3_endpoint.through(proxy.port).access
            store = S3Store(S3Location(BUCKET, prefix), access, max_attempts=1)
            with pytest.raises(StoreError):
                WRITES[write](store)
        assert s3_endpoint.store(prefix).get("key") is None
        WRITES[write](s3_endpoint.store(prefix))
        assert s3_endpoint.store(prefix).get("key") == b"body"


class TestRead:
    def test_a_broken_connection_is_taken_up_where_it_stopped(self, flaky: FlakyS3) -> None:
        body = flaky.objects["/bucket/input"] = bytes(range(256)) * 5000
        flaky.faults = [Fault.BREAK_OFF, Fault.BREAK_OFF]
        assert flaky.store().get("input") == body

    def test_an_object_replaced_while_it_is_read_is_refused(self, flaky: FlakyS3) -> None:
        flaky.objects["/bucket/input"] = b"old" * 1_000_000
        flaky.faults = [Fault.BREAK_OFF]
        with flaky.store().open("input") as stream:
            stream.read(10)
            flaky.objects["/bucket/input"] = b"new" * 1_000_000
            with pytest.raises(ObjectChanged, match="submit it again"):
                stream.read()


class TestProbe:
    def test_a_store_that_ignores_conditions_is_refused_with_the_remedy(self, flaky: FlakyS3) -> None:
        flaky.honours_conditions = False
        with pytest.raises(StoreError, match=r"4 of 4 racing .* use a store that implements them"):
            flaky.store().probe()

    def test_an_unreachable_endpoint_is_said_at_once(self) -> None:
        endpoint_url = f"http://127.0.0.1:{free_ports(1)[0]}"
        store = open_store("s3://bucket", S3Access(endpoint_url, "a", "b"))
        with pytest.raises(StoreUnavailable, match=r"AWS_ENDPOINT_URL_S3"):
            store.probe()

    @pytest.mark.integration
    @pytest.mark.parametrize(
        ("access_key_id", "secret_access_key"), [("nobody", "wrong"), ("bydawn", "wrong-secret")]
    )
    def test_wrong_credentials_give_the_remedy_and_no_secret(
        self, s3_endpoint: S3Server, access_key_id: str, secret_access_key: str
    ) -> None:
        access = S3Access(s3_endpoint.endpoint_url, access_key_id, secret_access_key)
        store = open_store(f"s3://{BUCKET}", access)
        with pytest.raises(StoreError, match="check AWS_ACCESS_KEY_ID") as caught:
            store.probe()
        assert secret_access_key not in str(caught.value)

    @pytest.mark.integration
    def test_a_missing_bucket_gives_the_remedy(self, s3_endpoint: S3Server) -> None:
        with pytest.raises(StoreError, match=r"s3://no-such-bucket.*create the bucket"):
            s3_endpoint.store(bucket="no-such-bucket").probe()


@pytest.mark.integration
class TestRealServer:
    def test_a_create_whose_answer_was_lost_is_ours_and_another_ones_is_not(
        self, s3_endpoint: S3Server
    ) -> None:
        with tcp_proxy(s3_endpoint.port) as proxy:
            store = s3_endpoint.through(proxy.port).store("lost-answers")
            proxy.lose_next_answer()
            assert store.create("part", b"mine")
            assert proxy.num_lost == 1
            proxy.lose_next_answer()
            assert not store.create("part", b"mine")
            assert proxy.num_lost == 2
        assert s3_endpoint.store("lost-answers").get("part") == b"mine"

    def test_what_is_written_while_an_older_object_is_being_removed_stays(
        self, s3_endpoint: S3Server
    ) -> None:
        prefix = "replaced-while-removed"
        store = S3Store(S3Location(BUCKET, prefix), s3_endpoint.access)
        store.put("a", b"old")

        def overtake(**_: object) -> None:
            s3_endpoint.store(prefix).put("a", b"new")

        store._client.meta.events.register("before-call.s3.DeleteObject", overtake)
        store.delete_if("a", b"old")
        assert store.get("a") == b"new"

    def test_an_upload_in_several_parts_is_whole(self, s3_endpoint: S3Server) -> None:
        store = s3_endpoint.store("multipart")
        chunk = bytes(range(256)) * 4096
        assert store.upload("big", (chunk for _ in range(34))) == 34 * len(chunk)
        assert read_in_pieces(store, "big") == chunk * 34

    def test_a_multipart_upload_that_fails_midway_leaves_no_trace(self, s3_endpoint: S3Server) -> None:
        store = s3_endpoint.store("failing-multipart")
        with pytest.raises(ValueError, match="line 3 is broken"):
            store.upload("big", failing_late())
        assert store.get("big") is None

    def test_stores_of_other_prefixes_are_out_of_sight(self, s3_endpoint: S3Server) -> None:
        s3_endpoint.store("team").put("a", b"ours")
        s3_endpoint.store("team-2").put("a", b"theirs")
        assert list(s3_endpoint.store("team").list("")) == ["a"]
        assert s3_endpoint.store("team").get("a") == b"ours"

    def test_more_keys_than_one_answer_holds_are_listed_and_deleted(self, s3_endpoint: S3Server) -> None:
        store = s3_endpoint.store("many")
        keys = [f"parts/{number:08}.jsonl" for number in range(1001)]
        for key in keys:
            store.put(key, b"")
        assert list(store.list("parts/")) == keys
        store.delete(keys)
        assert list(store.list("")) == []


def read_in_pieces(store: ObjectStore, key: str) -> bytes:
    with store.open(key) as stream:
        return b"".join(iter(lambda: stream.read(300_000), b""))


def failing_late() -> Iterator[bytes]:
    yield b"x" * (20 << 20)
    raise ValueError("line 3 is broken")
