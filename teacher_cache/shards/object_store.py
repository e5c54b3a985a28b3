"""Files below a prefix of an S3 object store: `s3://bucket/prefix`. Uses boto3, imported on first use.

Callers rely on three guarantees: an object is complete or absent, `put_new` writes only if no object has the name
(If-None-Match), and a listing shows every finished write. Amazon S3 gives them; other stores are tested once (`check`).
Every wait is bounded: a dead network is an error with code TRY_AGAIN after some retries, never a process that hangs.
"""

import base64
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from data import store
from data.errors import BAD_DATA, IO_ERROR, NO_INPUT, NO_PERMISSION, TRY_AGAIN, PotstillError

ATTEMPTS = 5  # tries of a request, with growing pauses, some 10 seconds together
CONNECT, READ = 10, 60  # seconds without an answer
SINGLE = 4 << 30  # bytes uploaded in one request, whose hash the server checks; S3 allows 5 GiB
CONFLICTS = 8  # tries of a conditional put while another one is in flight (409)

DENIED = ("401", "403", "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken")
BUSY = ("500", "502", "503", "504", "SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling")


@dataclass(frozen=True)
class ObjectStore:
    """The objects below `prefix` of a bucket. Names are relative to it: `cache/PLAN.json`."""

    bucket: str
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")

    def key(self, name: str) -> str:
        return f"{self.prefix}/{name}" if self.prefix else name

    @cached_property
    def client(self) -> Any:
        """The boto3 client; credentials, region and endpoint are found as by the AWS tools."""
        boto3, config = _boto()
        with _explained(self.url):
            return boto3.Session().client("s3", config=config)

    def names(self, folder: str = "") -> dict[str, int]:
        """List the files below a folder: name -> bytes."""
        found, start = {}, self.key(folder).rstrip("/") + "/" if folder or self.prefix else ""
        with _explained(self.url):
            for page in self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=start):
                for item in page.get("Contents", ()):
                    found[item["Key"][len(self.prefix) + 1 if self.prefix else 0 :]] = int(item["Size"])
        return found

    def read(self, name: str, *, limit: int = 64 << 20) -> bytes | None:
        """Read a small file whole; None where there is none, BAD_DATA above `limit` bytes."""
        with _explained(f"{self.url}/{name}"):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(name))
            except self.client.exceptions.NoSuchKey:
                return None
            content, wanted = answer["Body"].read(limit + 1), answer["Metadata"].get("sha256")
        if len(content) > limit:
            raise PotstillError(f"{self.url}/{name} has more than {limit:,} bytes", code=BAD_DATA)
        if wanted and hashlib.sha256(content).hexdigest() != wanted:
            raise PotstillError(f"{self.url}/{name} is damaged: its sha256 is not {wanted[:12]}", code=BAD_DATA)
        return bytes(content)

    def put_new(self, name: str, content: bytes) -> bool:
        """Write a small file only if there is none of this name. Return False if there is one; it stays as it is."""
        sha256 = hashlib.sha256(content).hexdigest()
        for attempt in range(CONFLICTS):
            with _explained(f"{self.url}/{name}"):
                try:
                    self.client.put_object(
                        Bucket=self.bucket,
                        Key=self.key(name),
                        Body=content,
                        IfNoneMatch="*",
                        ChecksumSHA256=_base64(sha256),
                        Metadata={"sha256": sha256},
                    )
                    return True
                except self.client.exceptions.ClientError as error:
                    code = _code(error)
                    if code in ("412", "PreconditionFailed"):
                        return False
                    if code not in ("409", "ConditionalRequestConflict"):
                        raise
            time.sleep(0.1 * 2**attempt)
        raise PotstillError(f"{self.url}/{name}: {CONFLICTS} writes in a row met another writer's", code=TRY_AGAIN)

    def check(self, name: str, content: bytes) -> None:
        """Refuse a store that ignores If-None-Match. name, content: a file that was just put, and is put again."""
        if self.put_new(name, content):
            raise PotstillError(
                f"the store behind {self.url} ignores If-None-Match: two writers would not be safe in it",
                hint="use a store with conditional writes: Amazon S3, MinIO, Ceph, R2 of today have them",
            )

    def upload(self, path: Path, name: str, *, sha256: str = "") -> None:
        """Upload a file, replacing one of the same name; its hash is sent along and checked by the server."""
        sha256 = sha256 or store.sha256_file(path)
        about = {"Bucket": self.bucket, "Key": self.key(name)}
        with _explained(f"{self.url}/{name}"), path.open("rb") as stream:
            if path.stat().st_size <= SINGLE:
                whole = {"ChecksumSHA256": _base64(sha256), "Metadata": {"sha256": sha256}}
                self.client.put_object(Body=stream, **about, **whole)
                return
            extra = {"ChecksumAlgorithm": "SHA256", "Metadata": {"sha256": sha256}}
            self.client.upload_fileobj(stream, *about.values(), ExtraArgs=extra)

    def download(self, name: str, path: Path, *, sha256: str = "") -> None:
        """Download a file, complete or not at all; compare its hash with `sha256`, else with the one stored with it."""
        digest = hashlib.sha256()
        with _explained(f"{self.url}/{name}"), store.replacing(path) as tmp:
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(name))
            except self.client.exceptions.NoSuchKey:
                raise PotstillError(f"{self.url}/{name} is missing", code=BAD_DATA) from None
            with tmp.open("wb") as stream:
                for block in answer["Body"].iter_chunks(store.BLOCK):
                    digest.update(block)
                    stream.write(block)
            wanted = sha256 or answer["Metadata"].get("sha256", "")
            if wanted and digest.hexdigest() != wanted:
                raise PotstillError(
                    f"{self.url}/{name} is damaged: its sha256 is {digest.hexdigest()[:12]}, not {wanted[:12]}",
                    hint="run the command that filled the store again after removing that object",
                    code=BAD_DATA,
                )

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with _explained(f"{self.url}/{name}"):
            self.client.delete_object(Bucket=self.bucket, Key=self.key(name))


def open_store(url: str) -> ObjectStore:
    """Parse a URL `s3://bucket/prefix`; the network is not used yet."""
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    steps = prefix.strip("/").split("/")
    if scheme != "s3" or not bucket or ".." in steps or "" in steps[1:]:
        raise PotstillError(f"{url!r} is no object store", hint="write s3://bucket/prefix")
    return ObjectStore(bucket, prefix.strip("/"))


def _boto() -> tuple[Any, Any]:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise PotstillError(
            "an object store needs boto3, which is not there", hint="pip install 'potstill[s3]'"
        ) from None
    retries = {"total_max_attempts": ATTEMPTS, "mode": "standard"}
    return boto3, Config(connect_timeout=CONNECT, read_timeout=READ, retries=retries)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn every error of boto3 into a PotstillError: no permission, missing, or try again."""
    _boto()
    from botocore import exceptions as boto

    try:
        yield
    except boto.ClientError as error:
        raise _of_server(what, error) from None
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        hint = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE; AWS_ENDPOINT_URL names another store"
        raise PotstillError(f"{what}: {error}", hint=hint, code=NO_PERMISSION) from None
    except (boto.ConnectionError, boto.HTTPClientError, boto.IncompleteReadError) as error:
        hint = "look at the network and at AWS_ENDPOINT_URL; the same command goes on where it stopped"
        raise PotstillError(f"{what} cannot be reached: {error}", hint=hint, code=TRY_AGAIN) from None
    except (boto.BotoCoreError, ValueError) as error:
        raise PotstillError(f"{what}: {error}", code=IO_ERROR) from None


def _of_server(what: str, error: Any) -> PotstillError:
    code, said = _code(error), error.response.get("Error", {}).get("Message", "")
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    message = f"{what}: {code} {said}".strip()
    if code in DENIED or status in ("401", "403"):
        return PotstillError(message, hint="these credentials may not do that there", code=NO_PERMISSION)
    if code in ("404", "NoSuchBucket"):
        return PotstillError(message, hint="make the bucket first, or check its name", code=NO_INPUT)
    if code in BUSY or (status.startswith("5") and status not in ("501", "507")):
        return PotstillError(message, hint="run the same command again later", code=TRY_AGAIN)
    return PotstillError(message, code=IO_ERROR)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()
