import functools
import os
import pickle
import time
import traceback
from collections.abc import Callable
from pathlib import Path, PurePosixPath

import pytest

from storage.address import Address
from storage.places import expect_folder_to_write, place_of
from storage.whole_files import whole_file, write_whole_text
from tests.object_store import (
    KEY,
    SECRET,
    Proxy,
    bucket,
    client,
    free_port,
    proxy,
    session_proxy,
    store_url,
    unfinished_uploads,
)

__all__ = ["bucket", "proxy", "session_proxy", "store_url"]

KEYS = (
    "plain.mp4",
    " leading space",
    "two  spaces",
    "per%cent",
    "per%20cent",
    "per%2Fcent",
    "question?mark",
    "hash#sign",
    "plus+plus",
    "back\\slash",
    'quote"double',
    "st*ar",
    "[brackets]",
    "<angles>",
    ".hidden",
    "..a",
    "gro\u0308\u00dfe.mp4",
    "🙂.mp4",
    "a/b/c/d",
    "x" * 1000,
    "c1\u0085control",
)
MORE_KEYS = (
    "a space.mp4",
    "trailing space ",
    "%",
    "%%25",
    "am&per=sand",
    "co:lon",
    "semi;colon",
    "com,ma",
    "quote'single",
    "back`tick",
    "{braces}",
    "pi|pe",
    "ca^ret",
    "til~de",
    "at@sign",
    "do$lar",
    "bang!",
    "(round)",
    "...",
    "größe.mp4",
    "猫.mp4",
    "\u00a0nbsp",
    "e=1&X-Amz-Signature=2",
    "line\u2028separator",
)
REFUSED = (
    "/lead",
    "a//b",
    "../a",
    "a/../b",
    "./a",
    "a/.",
    "a/..",
    "new\nline",
    "car\rriage",
    "nul\0",
    "tab\t",
    "del\x7f",
    "bell\x07",
    "x" * 1025,
    "ü" * 513,
    "lone\udcff",
    "trailing/",
)


s3 = functools.cache(client)


@pytest.mark.parametrize("key", [*KEYS, *(pytest.param(key, marks=pytest.mark.slow) for key in MORE_KEYS)])
def test_a_key_of_any_kind_is_that_object_to_other_tools_too(key: str, bucket: str, store_url: str) -> None:
    address = Address(f"{bucket}/folder") / key

    write_whole_text(address, "mine")

    listed = s3(store_url).list_objects_v2(Bucket=bucket.removeprefix("s3://"))["Contents"]
    assert [each["Key"] for each in listed] == [f"folder/{key}"]
    assert address.read_text() == "mine"
    assert list(Address(bucket).rglob("*")) == [address]


@pytest.mark.parametrize("key", REFUSED)
def test_a_key_that_could_mean_another_object_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"expected|which no key can"):
        Address(f"s3://bucket/{key}")


@pytest.mark.parametrize(
    "written",
    [
        f"s3://{KEY}:{SECRET}@bucket/key",
        f"s3://{KEY}:secret@bucket",
        f"https://user:{SECRET}@host/a.mp4",
        f"https://host/a.mp4?X-Amz-Signature={SECRET}",
        f"gs://user:{SECRET}@bucket/key",
    ],
)
def test_credentials_in_an_address_are_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(ValueError, match="expected") as refused:
        place_of(written)

    assert "ecret" not in str(refused.value).lower()
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("s3:/bucket/key", "one slash"),
        ("s3://", "no bucket"),
        ("s3:///key", "no bucket"),
        ("ftp://host/a", "scheme 'ftp', expected one of s3, gs, az, http, https"),
        ("file:///tmp/a", "without file://"),
        ("C:\\videos", "Windows"),
        ("", "is empty"),
        (" s3://bucket/key", "perhaps 's3://bucket/key' is meant"),
    ],
)
def test_what_is_no_place_is_refused_with_what_was_meant(written: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        place_of(written)


def test_an_address_takes_apart_and_puts_together_as_a_path_does() -> None:
    address = place_of("s3://bucket/data set/part.tar.gz")
    path = PurePosixPath("/bucket/data set/part.tar.gz")

    assert isinstance(address, Address)
    assert (address.name, address.stem, address.suffix) == (path.name, path.stem, path.suffix)
    assert [str(each) for each in address.parents] == ["s3://bucket/data set", "s3://bucket"]
    assert address.parent / "part.tar.gz" == address
    assert address.with_name("b") == Address("s3://bucket/data set/b")
    assert address.relative_to(Address("s3://bucket")) == PurePosixPath("data set/part.tar.gz")
    assert place_of("s3://bucket/data set/") == Address("s3://bucket/data set")
    assert pickle.loads(pickle.dumps(address)) == address
    assert str(address) == "s3://bucket/data set/part.tar.gz"
    with pytest.raises(ValueError, match="does not lie below"):
        address.relative_to(Address("s3://bucket/data"))


def test_folders_are_what_lies_below(bucket: str, store_url: str) -> None:
    folder = Address(f"{bucket}/set")
    name = bucket.removeprefix("s3://")
    for key in ("set/", "set/sub/", "set/sub/b.parquet", "set/a.parquet", "set/a.txt", "settee/c.parquet"):
        s3(store_url).put_object(Bucket=name, Key=key, Body=b"")

    assert folder.is_dir()
    assert not folder.is_file()
    assert not Address(f"{bucket}/se").exists()
    assert list(folder.iterdir()) == [folder / "a.parquet", folder / "a.txt", folder / "sub"]
    assert list(folder.rglob("*.parquet")) == [folder / "a.parquet", folder / "sub/b.parquet"]


def test_reading_asks_for_ranges_and_ahead_of_who_reads_on(bucket: str, proxy: Proxy) -> None:
    content = os.urandom(3 << 20)
    address = Address(f"{bucket}/video")
    with whole_file(address) as written:
        written.write_bytes(content)
    proxy.plan(0, 0)

    with address.open("rb") as file:
        file.seek(-10, os.SEEK_END)
        tail = file.read()
        file.seek(5)
        pieces = [file.read(1000) for _ in range(3200)]

    assert tail == content[-10:]
    assert b"".join(pieces) == content[5:]
    assert proxy.seen["HEAD"] == 1
    assert proxy.seen["GET"] <= 9


def test_an_object_that_is_replaced_while_it_is_read_is_an_error_and_no_mixture(bucket: str) -> None:
    address = Address(f"{bucket}/a")
    write_whole_text(address, "a" * 200_000)
    with address.open("rb") as file:
        file.read(10)
        write_whole_text(address, "b" * 200_000)

        with pytest.raises(OSError, match="replaced or deleted by another process"):
            file.read()


@pytest.mark.parametrize("every", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_under_refusals_and_cuts_everything_is_as_without(every: int, bucket: str, proxy: Proxy) -> None:
    contents = {f"part {number}": os.urandom(100_000 + number) for number in range(12)}
    proxy.plan(every, seed=every)

    for name, content in contents.items():
        with whole_file(Address(bucket) / name) as written:
            written.write_bytes(content)
    found = {path.name: path.read_bytes() for path in Address(bucket).iterdir()}

    assert found == contents
    assert set(proxy.disturbed) == {"refused", "cut before", "cut after", "late"}


def test_nothing_is_left_of_a_write_that_failed(bucket: str, store_url: str) -> None:
    def write_half() -> None:
        with whole_file(Address(bucket) / "a") as written:
            written.write_bytes(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()

    name = bucket.removeprefix("s3://")
    assert s3(store_url).list_objects_v2(Bucket=name)["KeyCount"] == 0
    assert not unfinished_uploads(store_url, name)


def test_a_probe_of_a_folder_to_write_leaves_nothing(bucket: str) -> None:
    expect_folder_to_write(Address(f"{bucket}/new"))

    assert list(Address(bucket).rglob("*")) == []


def test_a_probe_whose_process_was_killed_is_taken_away_by_the_next(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as killed:
        killed.setattr(Address, "unlink", lambda *_, **__: None)
        expect_folder_to_write(Address(f"{bucket}/new"))
    assert len(list(Address(bucket).rglob("*"))) == 1

    expect_folder_to_write(Address(f"{bucket}/new"))

    assert list(Address(bucket).rglob("*")) == []


def test_a_missing_bucket_and_a_missing_object_are_told_apart(bucket: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such object: 's3://.*/a'"):
        Address(f"{bucket}/a").read_bytes()
    for ask in (Address.read_bytes, Address.is_dir, expect_folder_to_write):
        with pytest.raises(FileNotFoundError, match="no such bucket; make it"):
            ask(Address("s3://no-such-bucket/a"))


def test_a_dead_endpoint_is_told_in_time_without_a_credential(
    bucket: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr("storage.bucket._PATIENCE_S", 0.3)
    monkeypatch.setattr("storage.bucket._LIBRARY_PATIENCE_S", 0.3)
    began = time.monotonic()

    with pytest.raises(ConnectionError, match=r"the store at 127\.0\.0\.1:\d+ cannot be reached") as found:
        Address(f"{bucket}/a").read_bytes()

    assert time.monotonic() - began < 20
    assert not any(secret in str(found.value) + caplog.text for secret in (KEY, SECRET))


ASK: dict[str, Callable[[Address], object]] = {
    "read": Address.read_bytes,
    "head": Address.is_file,
    "list": Address.is_dir,
    "put": lambda address: address.bucket.put(address.key, b"x"),
    "delete": lambda address: address.bucket.delete(address.key),
}


@pytest.mark.parametrize("ask", ASK)
@pytest.mark.parametrize(
    ("status", "code", "kind", "said"),
    [
        (403, "RequestTimeTooSkewed", PermissionError, "clock of this machine"),
        (403, "AccessDenied", PermissionError, "do not allow this; grant them"),
        (403, "InvalidAccessKeyId", PermissionError, "does not know the key in AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", PermissionError, "is not the secret of the key"),
        (400, "ExpiredToken", PermissionError, "AWS_SESSION_TOKEN has ended"),
        (400, "AuthorizationHeaderMalformed", OSError, "another region; set AWS_REGION"),
        (503, "SlowDown", OSError, "refuses requests .503( SlowDown)?., tried for"),
        (418, "Teapot", OSError, "answered 418 Teapot"),
    ],
)
def test_what_a_store_says_becomes_a_sentence_and_repeats_no_secret(
    status: int,
    code: str,
    kind: type[OSError],
    said: str,
    ask: str,
    bucket: str,
    proxy: Proxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("storage.bucket._PATIENCE_S", 0.3)
    monkeypatch.setattr("storage.bucket._LIBRARY_PATIENCE_S", 0.3)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{proxy.url}/{code}")  # so that the store is opened with these
    proxy.always = (status, code)

    with pytest.raises(kind, match=said) as found:
        ASK[ask](Address(f"{bucket}/a"))

    assert found.value.filename == f"{bucket}/a"
    assert KEY not in "".join(traceback.format_exception(found.value))


@pytest.mark.parametrize("endpoint", [f"http://{KEY}:{SECRET}@127.0.0.1:9", "nonsense", "http://", "http://a b"])
def test_an_endpoint_that_is_none_is_a_sentence_that_does_not_repeat_it(
    endpoint: str, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    with pytest.raises(OSError, match="its endpoint is no plain URL") as found:
        Address(f"{bucket}/a").read_bytes()

    assert SECRET not in str(found.value)


def test_without_the_library_the_extra_is_named(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "obstore", None)

    with pytest.raises(ModuleNotFoundError, match=r"openalchemist\[object-storage\]"):
        Address(f"{bucket}/a").read_bytes()


def test_pathlib_and_addresses_are_told_apart(tmp_path: Path) -> None:
    assert place_of(str(tmp_path)) == tmp_path
    assert place_of(tmp_path) is tmp_path or place_of(tmp_path) == tmp_path
