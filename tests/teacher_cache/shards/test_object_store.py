"""A cache kept in an object store: several machines without a common disk fill it, and `pull` fetches it whole."""

import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from data.errors import BAD_DATA, NO_INPUT, NO_PERMISSION, STALE, TRY_AGAIN, USAGE, PotstillError
from data.manifest import read_manifest
from data.progress import Silent
from data.running.share import Share
from data.running.stop import Stop
from teacher_cache.build import build
from teacher_cache.config import CacheConfig, Launch, Request
from teacher_cache.repair.verify import verify
from teacher_cache.shards import object_store
from teacher_cache.shards.object_store import ObjectStore, open_store
from teacher_cache.shards.pull import pull
from teacher_cache.shards.remote import Remote

PLAIN = CacheConfig(dtype="float32", device="cpu", threads=1)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """An S3 server on a free port."""
    import logging

    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(server: str, monkeypatch: pytest.MonkeyPatch, request) -> ObjectStore:
    """An empty prefix of a bucket, and the environment that leads there."""
    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(object_store, "ATTEMPTS", 2)
    store = open_store(f"s3://caches/{abs(hash(request.node.name))}")
    store.client.create_bucket(Bucket="caches")
    return store


def run(store: ObjectStore, examples: Path, teacher: Path, out: Path, *, share: Share | None = None, **config: Any):
    launch = Launch(share=share or Share(), store=store.url)
    return build(replace(PLAIN, **config), examples, teacher, out, launch=launch, progress=Silent())


def change(store: ObjectStore, name: str, content: bytes) -> None:
    store.client.put_object(Bucket=store.bucket, Key=store.key(name), Body=content)


def shard_in(store: ObjectStore, index: int) -> str:
    (name,) = (name for name in store.names("cache") if name.startswith(f"cache/part-{index:05d}-"))
    return name


# The store itself.


def test_of_two_writers_the_first_one_counts(s3: ObjectStore) -> None:
    assert s3.put_new("a/b.json", b"one") and not s3.put_new("a/b.json", b"two")
    assert s3.read("a/b.json") == b"one" and s3.read("a/c.json") is None
    assert s3.names() == s3.names("a") == {"a/b.json": 3} and s3.names("b") == {}


def test_a_file_comes_back_as_it_went_or_not_at_all(s3: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 9000)
    s3.upload(tmp_path / "file", "file")
    s3.download("file", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()
    with pytest.raises(PotstillError, match="is damaged: its sha256") as caught:
        s3.download("file", tmp_path / "third", sha256="0" * 64)
    assert caught.value.code == BAD_DATA and [path.name for path in tmp_path.glob("third*")] == []
    with pytest.raises(PotstillError, match="nothing is missing") as caught:
        s3.download("nothing", tmp_path / "third")
    assert caught.value.code == BAD_DATA


def test_a_large_file_goes_up_in_pieces(s3: ObjectStore, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(object_store, "SINGLE", 1 << 20)
    (tmp_path / "file").write_bytes(bytes(range(256)) * (40 << 10))  # 10 MiB: two pieces of boto3
    s3.upload(tmp_path / "file", "file")
    s3.download("file", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "file").read_bytes()


def test_a_store_that_writes_over_is_refused(s3: ObjectStore) -> None:
    with pytest.raises(PotstillError, match="ignores If-None-Match"):
        s3.check("never-put", b"plan")  # as a store answers that takes every put


@pytest.mark.parametrize("url", ["gs://bucket/x", "s3://", "bucket/x", "s3://bucket/a//b", "s3://bucket/../x"])
def test_what_is_no_store_is_refused(url: str) -> None:
    with pytest.raises(PotstillError, match="is no object store"):
        open_store(url)


def test_a_bucket_that_is_not_there(s3: ObjectStore) -> None:
    with pytest.raises(PotstillError, match="NoSuchBucket") as caught:
        open_store("s3://not-there/x").put_new("name", b"")
    assert caught.value.code == NO_INPUT


def test_without_credentials_nothing_is_begun(s3: ObjectStore, monkeypatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(PotstillError, match="credentials") as caught:
        open_store(s3.url).read("name")
    assert caught.value.code == NO_PERMISSION and "AWS_ACCESS_KEY_ID" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "status", "ending"),
    [("AccessDenied", 403, NO_PERMISSION), ("SlowDown", 503, TRY_AGAIN), ("NoSuchBucket", 404, NO_INPUT)],
)
def test_what_the_server_refuses_has_an_exit_code(code, status, ending) -> None:
    from botocore.exceptions import ClientError

    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    with pytest.raises(PotstillError, match=code) as caught, object_store._explained("s3://b/x"):
        raise ClientError(answer, "PutObject")  # type: ignore[arg-type]
    assert caught.value.code == ending


@pytest.mark.parametrize("how", ["nobody listens", "nobody answers"])
def test_a_dead_network_is_tried_again_later(how, s3: ObjectStore, monkeypatch) -> None:
    monkeypatch.setattr(object_store, "READ", 0.3)
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        if how == "nobody answers":
            deaf.listen(16)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(PotstillError, match="cannot be reached") as caught:
            open_store(s3.url).read("name")
    assert caught.value.code == TRY_AGAIN


def test_without_boto3_the_hint_says_how_to_get_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(PotstillError, match="needs boto3") as caught:
        open_store("s3://bucket/x").read("name")
    assert caught.value.code == USAGE and "pip install 'potstill[s3]'" in caught.value.hint


# A cache in it.


@pytest.fixture
def alone(teacher: Path, examples: Path, tmp_path: Path) -> Any:
    """The manifest of the cache that one process makes on its own disk."""
    return build(PLAIN, examples, teacher, tmp_path / "alone", progress=Silent())


def test_one_machine_keeps_its_cache_in_the_store(s3, alone, teacher, examples, tmp_path: Path) -> None:
    manifest = run(s3, examples, teacher, tmp_path / "out")
    assert manifest.root == alone.root == read_manifest(tmp_path / "out", "cache").root
    assert pull(s3.url, tmp_path / "got", progress=Silent()).root == alone.root
    assert verify(tmp_path / "got" / "cache", progress=Silent()) == []
    for path in (tmp_path / "out").glob("part-*.parquet"):
        assert (tmp_path / "got" / "cache" / path.name).read_bytes() == path.read_bytes()
    assert read_manifest(tmp_path / "got" / "examples", "examples").root == manifest.made_from["examples"]


@pytest.mark.slow
def test_machines_without_a_common_disk_fill_one_cache(s3, alone, teacher, examples, tmp_path: Path) -> None:
    ends = [run(s3, examples, teacher, tmp_path / f"disk{index}", share=Share(index, 3)) for index in (1, 2, 0)]
    assert ends[:2] == [None, None] and ends[2].root == alone.root
    assert all(len(list((tmp_path / f"disk{index}").glob("part-*.parquet"))) == 1 for index in range(3))
    assert pull(s3.url, tmp_path / "got", progress=Silent()).root == alone.root


def test_what_another_machine_has_done_is_not_computed_again(s3, alone, teacher, examples, tmp_path: Path) -> None:
    run(s3, examples, teacher, tmp_path / "first", share=Share(0, 2))
    assert run(s3, examples, teacher, tmp_path / "second").root == alone.root
    assert [path.name[:10] for path in (tmp_path / "second").glob("part-*.parquet")] == ["part-00001"]
    assert not (tmp_path / "second" / "MANIFEST.json").exists()  # it has not all shards: the store is sealed


@pytest.mark.slow
def test_a_rerun_of_a_finished_store_loads_no_teacher(s3, teacher, examples, tmp_path: Path, monkeypatch) -> None:
    from teacher_cache.launch import run as work

    root = run(s3, examples, teacher, tmp_path / "out").root
    monkeypatch.setattr(work, "run", None)
    assert run(s3, examples, teacher, tmp_path / "out").root == root
    assert run(s3, examples, teacher, tmp_path / "elsewhere").root == root


def test_a_cache_finished_here_is_sent_up_without_a_teacher(
    s3, alone, teacher, examples, tmp_path, monkeypatch
) -> None:
    from teacher_cache.launch import run as work

    monkeypatch.setattr(work, "open_session", None)
    assert run(s3, examples, teacher, tmp_path / "alone").root == alone.root
    assert pull(s3.url, tmp_path / "got", progress=Silent()).root == alone.root


def test_a_worker_of_another_machine_joins_by_the_store(s3, alone, teacher, examples, tmp_path: Path) -> None:
    from teacher_cache.launch.worker import open_worker, process

    run(s3, examples, teacher, tmp_path / "first", share=Share(0, 2))
    request = Request(PLAIN, examples, str(teacher), tmp_path / "second", Launch(store=s3.url))
    assert process(open_worker(request, Silent()), 1, Stop("")) == 3
    assert run(s3, examples, teacher, tmp_path / "first").root == alone.root
    assert not list((tmp_path / "first").glob("part-00001-*"))


def test_another_plan_in_the_store_is_refused(s3, teacher, examples, tmp_path: Path) -> None:
    run(s3, examples, teacher, tmp_path / "first", share=Share(0, 2))
    with pytest.raises(PotstillError, match="max_length: 128 there, 64 now") as caught:
        run(s3, examples, teacher, tmp_path / "second", max_length=64)
    assert caught.value.code == STALE
    run(s3, examples, teacher, tmp_path / "first")
    with pytest.raises(PotstillError, match="max_length: 128 there, 64 now"):
        run(s3, examples, teacher, tmp_path / "second", max_length=64)


def test_a_store_of_format_1_is_refused(s3, teacher, examples, tmp_path: Path) -> None:
    s3.put_new("teacher/PLAN.json", b"{}")
    for step in (
        lambda: run(s3, examples, teacher, tmp_path / "out"),
        lambda: pull(s3.url, tmp_path / "got", progress=Silent()),
    ):
        with pytest.raises(PotstillError, match="teacher has format version 1, this potstill reads 2") as caught:
            step()
        assert caught.value.code == STALE and "make the cache again" in caught.value.hint
    assert set(s3.names()) == {"teacher/PLAN.json"} and not (tmp_path / "got").exists()


@pytest.mark.slow
def test_what_auto_means_is_what_the_first_machine_found(s3, teacher, examples, tmp_path: Path) -> None:
    run(s3, examples, teacher, tmp_path / "first", share=Share(0, 2), token_budget=512)
    assert run(s3, examples, teacher, tmp_path / "second", dtype="auto").config["token_budget"] == 512


@pytest.mark.slow
def test_a_crash_between_shard_and_record_loses_nothing(s3, alone, teacher, examples, tmp_path, monkeypatch) -> None:
    put = ObjectStore.put_new

    def crash(self: ObjectStore, name: str, content: bytes) -> bool:
        if name.endswith("commits/00001.json"):
            raise KeyboardInterrupt
        return put(self, name, content)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectStore, "put_new", crash)
        with pytest.raises(KeyboardInterrupt):
            run(s3, examples, teacher, tmp_path / "first")
    assert shard_in(s3, 1) and "cache/commits/00001.json" not in s3.names()
    assert run(s3, examples, teacher, tmp_path / "second").root == alone.root  # another machine
    assert run(s3, examples, teacher, tmp_path / "first").root == alone.root


@pytest.mark.slow
def test_the_record_that_was_put_first_counts(s3, teacher, examples, tmp_path: Path, monkeypatch) -> None:
    first = run(s3, examples, teacher, tmp_path / "first")
    for name in ("cache/MANIFEST.json", "cache/commits/00001.json"):
        s3.remove(name)
    keep, theirs = Remote.keep, (tmp_path / "first" / "commits" / "00001.json").read_bytes()

    def late(self: Remote, index: int, commit: Any, plan: Any) -> None:
        """Another machine puts its record while this one, with other bytes, sends its shard up."""
        path = self.job.out / commit.part.name
        path.write_bytes(path.read_bytes() + b" ")
        sha = object_store.store.sha256_file(path)
        other = replace(commit.part, name=f"part-{index:05d}-{sha[:16]}.parquet", sha256=sha, bytes=path.stat().st_size)
        path.rename(path.with_name(other.name))
        record = self.job.out / "commits" / f"{index:05d}.json"
        record.write_bytes(record.read_bytes().replace(commit.part.name.encode(), other.name.encode()))
        s3.put_new("cache/commits/00001.json", theirs)
        keep(self, index, replace(commit, part=other), plan)

    monkeypatch.setattr(Remote, "keep", late)
    assert run(s3, examples, teacher, tmp_path / "second").root == first.root
    assert list((tmp_path / "second").glob("part-*.parquet")) == []
    assert len([name for name in s3.names("cache") if "part-00001" in name]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["record", "shard gone", "shard cut"])
def test_a_fault_in_the_store_is_computed_again(damage, s3, alone, teacher, examples, tmp_path: Path) -> None:
    run(s3, examples, teacher, tmp_path / "first", share=Share(1, 2))
    name = shard_in(s3, 1)
    if damage == "record":
        change(s3, "cache/commits/00001.json", b'{"name": "half')
    elif damage == "shard gone":
        s3.remove(name)
    else:
        change(s3, name, (s3.read(name) or b"")[:-9])
    assert run(s3, examples, teacher, tmp_path / "second").root == alone.root
    assert pull(s3.url, tmp_path / "got", progress=Silent()).root == alone.root


# Fetching it.


@pytest.mark.slow
@pytest.mark.parametrize("name", ["shard", "examples/part-00000.parquet", "cache/files/tokenizer.json"])
def test_a_damaged_upload_is_found_by_pull(name, s3, teacher, examples, tmp_path: Path) -> None:
    run(s3, examples, teacher, tmp_path / "out")
    name = shard_in(s3, 0) if name == "shard" else name
    content = bytearray(s3.read(name) or b"")
    content[len(content) // 2] ^= 1
    about = s3.client.head_object(Bucket=s3.bucket, Key=s3.key(name))["Metadata"]
    s3.client.put_object(Bucket=s3.bucket, Key=s3.key(name), Body=bytes(content), Metadata=about)
    with pytest.raises(PotstillError, match="is damaged") as caught:
        pull(s3.url, tmp_path / "got", progress=Silent())
    assert caught.value.code == BAD_DATA and not (tmp_path / "got" / "cache" / "MANIFEST.json").exists()
    content[len(content) // 2] ^= 1
    change(s3, name, bytes(content))
    pull(s3.url, tmp_path / "got", progress=Silent())  # goes on where it stopped


@pytest.mark.slow
def test_only_a_sealed_cache_is_pulled_and_only_over_itself(s3, make_teacher, teacher, examples, tmp_path) -> None:
    run(s3, examples, teacher, tmp_path / "first", share=Share(0, 2))
    with pytest.raises(PotstillError, match="holds no finished cache") as caught:
        pull(s3.url, tmp_path / "got", progress=Silent())
    assert caught.value.code == NO_INPUT
    run(s3, examples, teacher, tmp_path / "first")
    build(PLAIN, examples, make_teacher(seed=4), tmp_path / "got" / "cache", progress=Silent())
    with pytest.raises(PotstillError, match="holds something else") as caught:
        pull(s3.url, tmp_path / "got", progress=Silent())
    assert caught.value.code == STALE


@pytest.mark.slow
def test_a_store_cannot_make_pull_write_elsewhere(s3, teacher, examples, tmp_path: Path) -> None:
    from data.manifest import write_manifest

    manifest = run(s3, examples, teacher, tmp_path / "out")
    evil = replace(manifest, parts=(replace(manifest.parts[0], name="../../evil.parquet"), *manifest.parts[1:]))
    (tmp_path / "evil").mkdir()
    write_manifest(tmp_path / "evil", evil)
    change(s3, "cache/MANIFEST.json", (tmp_path / "evil" / "MANIFEST.json").read_bytes())
    with pytest.raises(PotstillError) as caught:
        pull(s3.url, tmp_path / "a" / "got", progress=Silent())
    assert caught.value.code == BAD_DATA and not (tmp_path / "evil.parquet").exists()
