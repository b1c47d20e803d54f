"""Files from elsewhere: CIFAR-10 in every layout, and whatever else lies in its place."""

import bz2
import contextlib
import gzip
import hashlib
import io
import lzma
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

for _package in ("pyarrow", "PIL"):
    pytest.importorskip(_package, reason="needs the extra 'images'")

from numerics import cifar10, images, pickled  # noqa: E402
from numerics.cifar10 import Published  # noqa: E402

# CIFAR-10 in everything but the number of images, which is checked against what is said to be published.
SMALL = Published(train=4, test=2, batches=2, md5={})


def refused(path, says, published=SMALL):
    """The one line that is said instead of reading."""
    with pytest.raises(ValueError, match=says) as problem:
        cifar10.read(Path(path), (0, 1), published)
    line = str(problem.value)
    assert line.isprintable() and len(line) < 600
    return line


@pytest.fixture(scope="module")
def content():
    """Batches by name: uint8 images (N, 3072) and labels, of which each image's first byte tells the label."""
    random = np.random.default_rng(5)
    held = {}
    for name, each in (("data_batch_1", 2), ("data_batch_2", 2), ("test_batch", 2)):
        labels = random.permutation(np.repeat(np.arange(10), each))
        pixels = random.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        pixels[:, 0] = 10 * labels
        held[name] = (pixels, labels)
    return held


def saved(pixels, labels, protocol=2):
    return pickle.dumps({b"data": pixels, b"labels": [int(x) for x in labels]}, protocol=protocol)


@pytest.fixture
def batches(tmp_path, content):
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, held in content.items():
        (folder / name).write_bytes(saved(*held))
    return folder


def png(row, mode="RGB", kind="png"):
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(row.reshape(3, 32, 32).transpose(1, 2, 0)).convert(mode).save(out, kind)
    return {"bytes": out.getvalue(), "path": None}


def parquet(
    folder, content, image="img", label="label", names=("train-00000-of-00002", "train-00001-of-00002", "test")
):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    for (pixels, labels), target in zip(content.values(), names, strict=True):
        pq.write_table(pa.table({image: [png(row) for row in pixels], label: labels}), folder / f"{target}.parquet")
    return folder


def python_2(pixels, labels):
    """A batch as Python 2 saved it, which is how it is published: text and arrays are its byte strings."""

    def text(body):
        return b"U" + bytes([len(body)]) + body if len(body) < 256 else b"T" + struct.pack("<i", len(body)) + body

    kind = b"cnumpy\ndtype\n" + text(b"u1") + b"K\x00K\x01\x87R(K\x03" + text(b"|") + b"NNNJ\xff\xff\xff\xff"
    kind += b"J\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nK\x00\x85" + text(b"b") + b"\x87R"
    array += b"(K\x01M" + struct.pack("<H", len(pixels)) + b"M\x00\x0c\x86" + kind + b"\x89" + text(pixels.tobytes())
    array += b"tb"
    held = b"".join(b"K" + bytes([label]) for label in labels)
    return b"\x80\x02}(" + text(b"labels") + b"](" + held + b"e" + text(b"data") + array + b"u."


def binary(folder, content):
    folder.mkdir()
    for name, (pixels, labels) in content.items():
        (folder / f"{name}.bin").write_bytes(np.c_[labels.astype(np.uint8), pixels].tobytes())
    return folder


def packed(folder, path, how="w:gz"):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, how) as held:
        held.add(folder, arcname=folder.name)
    return path


# Layouts -----------------------------------------------------------------------------------------------------------


def layouts(tmp_path, batches, content):
    """The same images in every layout that people have."""
    archive = packed(batches, tmp_path / "root" / "cifar-10-python.tar.gz")
    keras = tmp_path / "keras" / "datasets"
    (keras / "cifar-10-batches-py-target").mkdir(parents=True)
    shutil.copytree(batches, keras / "cifar-10-batches-py-target" / batches.name)
    return {
        "batches": batches,
        "torchvision root": batches.parent,
        "root with the archive alone": archive.parent,
        "archive": archive,
        "archive, xz, another name": packed(batches, tmp_path / "x.tar.xz", "w:xz"),
        "archive, not packed": packed(batches, tmp_path / "x.tar", "w:"),
        "one of the batches": batches / "data_batch_2",
        "Keras 3": keras.parent,
        "Keras 3, the archive alone": packed(batches, tmp_path / "k3" / "cifar-10-batches-py-target_archive").parent,
        "Keras 2, the archive alone": packed(batches, tmp_path / "k2" / "cifar-10-batches-py.tar.gz").parent,
        "binary version": binary(tmp_path / "cifar-10-batches-bin", content),
        "binary version, a file": tmp_path / "cifar-10-batches-bin" / "test_batch.bin",
        "binary archive": packed(tmp_path / "cifar-10-batches-bin", tmp_path / "b" / "cifar-10-binary.tar.gz").parent,
        "parquet": parquet(tmp_path / "hf" / "plain_text", content),
        "parquet, older export": parquet(
            tmp_path / "old" / "plain_text", content, names=("cifar10-train-1", "cifar10-train-2", "cifar10-test")
        ).parent,
        "parquet, a file": tmp_path / "old" / "plain_text" / "cifar10-test.parquet",
        "parquet, other names": parquet(tmp_path / "hf2", content, "image", "labels").parent / "hf2",
    }


def test_every_layout_gives_the_same_images(tmp_path, batches, content):
    wanted = np.concatenate([content[f"data_batch_{k}"][0] for k in (1, 2)]).reshape(-1, 3, 32, 32)
    labels = np.concatenate([content[f"data_batch_{k}"][1] for k in (1, 2)])
    for name, path in layouts(tmp_path, batches, content).items():
        (pixels, found), (test, _) = cifar10.read(path, (0, 1), SMALL)
        np.testing.assert_array_equal(pixels, wanted[labels < 2], err_msg=name)
        np.testing.assert_array_equal(found, labels[labels < 2], err_msg=name)
        assert len(test) == 4


def test_classes_go_by_name_or_number_and_are_scaled_by_the_training_images(batches):
    by_name = images.load(f"cifar10:{batches}", ("frog", "cat"), published=SMALL)
    by_number = images.load(f"cifar10:{batches}", ("6", "3"), published=SMALL)
    assert by_name.classes == ("frog", "cat") == by_number.classes
    assert torch.equal(by_name.train, by_number.train)
    assert by_name.train.shape == (8, 3, 32, 32) and by_name.test.shape == (4, 3, 32, 32)
    assert by_name.train_labels.sum() == 4
    torch.testing.assert_close(by_name.train.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(by_name.train.std((0, 2, 3), correction=0), torch.ones(3), atol=1e-5, rtol=0)
    # Red, green and blue planes in this order, each by rows: the first byte is the first red pixel.
    red = cifar10.read(batches, (6, 3), SMALL)[0]
    assert set(red[0][red[1] == 6][:, 0, 0, 0]) == {60}


def spoilt(folder, content, name, change):
    pixels, labels = (x.copy() for x in content[name])
    (folder / name).write_bytes(saved(*change(pixels, labels)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda p, y: (p[:-1], y[:-1]), "holds 19 images, not 20"),
        (lambda p, y: (p[:, :-1], y), r"bytes of shape \(20, 3071\), not 3072 bytes each"),
        (lambda p, y: (p.astype(np.int16), y), "another type than uint8"),
        (lambda p, y: (p, y[:-1]), "one label from 0 to 9 for each of 20 images"),
        (lambda p, y: (p, y + 1), "one label from 0 to 9"),
        (lambda p, y: (p, np.where(y == 7, 2, y)), "images of class bird, not 4"),
    ],
)
def test_a_damaged_batch_is_one_line(batches, content, change, says):
    spoilt(batches, content, "data_batch_2", change)
    assert str(batches) in refused(batches, says)


def test_a_truncated_or_missing_file_is_one_line(tmp_path, batches, content):
    found = layouts(tmp_path, batches, content)
    whole = (batches / "test_batch").read_bytes()
    (batches / "test_batch").write_bytes(whole[: len(whole) // 2])
    refused(batches, "test_batch: is no batch of CIFAR-10")
    (batches / "test_batch").unlink()
    refused(batches, "test_batch: cannot be read")
    archive = found["archive"]
    archive.write_bytes(archive.read_bytes()[:3000])
    refused(archive, "is no whole archive")
    train = found["parquet"] / "train-00001-of-00002.parquet"
    train.write_bytes(train.read_bytes()[:-200])
    refused(found["parquet"], "is no whole parquet file")
    train.unlink()
    refused(found["parquet"], "holds 2 images of class airplane, not 4")
    for path in (tmp_path / "nothing", tmp_path / "empty"):
        if path.name == "empty":
            path.mkdir()
        refused(path, "name where")


def test_a_parquet_file_of_something_else_is_one_line(tmp_path, content):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = parquet(tmp_path / "hf", content)
    file = folder / "train-00000-of-00002.parquet"
    pq.write_table(pa.table({"fine": [1]}), file)
    refused(folder, "has the columns fine, not img and label")
    pq.write_table(pa.table({"img": [{"bytes": b"no image"}], "label": [0]}), file)
    refused(folder, "row 0 is no image")


def test_one_flipped_bit_is_found_by_the_published_sum(batches):
    sums = {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in batches.iterdir()}
    published = replace(SMALL, md5=sums)
    cifar10.read(batches, (0, 1), published)
    body = bytearray((batches / "data_batch_1").read_bytes())
    body[len(body) // 2] ^= 1  # a pixel: nothing else is wrong with the file
    (batches / "data_batch_1").write_bytes(body)
    cifar10.read(batches, (0, 1), SMALL)
    refused(batches, "data_batch_1: differs from the published file", published)


def test_the_published_counts_are_cifar10s(batches):
    """The default is the whole of it: a small copy is refused."""
    with pytest.raises(ValueError, match="get CIFAR-10 anew"):
        images.load(f"cifar10:{batches}")
    whole = Published()
    assert (whole.train * 10, whole.test * 10, whole.batches) == (50000, 10000, 5)
    assert all(len(x) == 32 and set(x) <= set("0123456789abcdef") for x in whole.md5.values())
    assert len(whole.md5) == 7


# Pickles -----------------------------------------------------------------------------------------------------------


class Boom:
    def __reduce__(self):
        return pytest.fail, ("a pickle was run",)


def test_a_pickle_cannot_run_code(batches):
    for body in (Boom(), {b"data": Boom(), b"labels": []}):
        (batches / "data_batch_1").write_bytes(pickle.dumps(body))
        refused(batches, "is not run")


def test_the_sum_is_looked_at_before_the_pickle(batches):
    (batches / "data_batch_1").write_bytes(pickle.dumps(Boom()))
    refused(batches, "differs from the published file", Published())


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_array_is_what_python_itself_reads(content, protocol, order):
    pixels, labels = content["test_batch"]
    body = saved(np.asarray(pixels, order=order), labels, protocol)
    held = pickled.read(body)
    np.testing.assert_array_equal(pickled.array(held[b"data"]), pixels)
    assert held[b"labels"] == labels.tolist()


def test_a_batch_of_python_2_is_read(batches, content):
    body = python_2(*content["test_batch"])
    wanted = pickle.loads(body, encoding="bytes")  # ours: it is as it is meant
    np.testing.assert_array_equal(wanted[b"data"], content["test_batch"][0])
    held = pickled.read(body)
    np.testing.assert_array_equal(pickled.array(held[b"data"]), wanted[b"data"])
    assert held[b"labels"] == wanted[b"labels"]
    for name, one in content.items():
        (batches / name).write_bytes(python_2(*one))
    cifar10.read(batches, (0, 1), SMALL)


PLAIN = (3, "|", None, None, None, -1, -1, 0)  # state of the type of single bytes


class Saved:
    """Is pickled as the call of a function with arguments and the state that its result is given."""

    def __init__(self, function, arguments, state):
        self.reduced = function, arguments, state

    def __reduce__(self):
        return self.reduced


def forged(kind="u1", state=PLAIN, raw=bytes(20 * 3072), shape=(20, 3072), by_columns=False):
    """A batch whose array is said to be of a type with a state of one's choice."""
    kind = Saved(np.dtype, (kind, False, True), state)
    array = Saved(np.empty(0).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, shape, kind, by_columns, raw))
    return pickle.dumps({b"data": array, b"labels": [0] * 20}, protocol=2)


AIMED = b"\x41" * 160  # read as twenty addresses, these are nobody's
FORGED = {
    "objects without the flag that says so": forged("O8", PLAIN, AIMED, (20,)),
    "objects in the state": forged("u1", (3, "|", None, None, None, 8, 8, 63), AIMED, (20,)),
    "a field of objects": forged("V8", (3, "|", None, ("f",), {"f": (np.dtype("O"), 0)}, 8, 1, 0), AIMED, (20,)),
    "a field out of bounds": forged(
        "V8", (3, "|", None, ("f",), {"f": (np.dtype("u8"), 2**40)}, 8, 1, 0), AIMED, (20,)
    ),
    "a subarray": forged("V8", (3, "|", (np.dtype("O"), (4,)), None, None, 8, 1, 0), AIMED, (20,)),
    "size zero": forged("V0", (3, "|", None, None, None, 0, 1, 0)),
    "a huge size": forged("V8", (3, "|", None, None, None, 2**31 - 1, 1, 0)),
    "a negative size": forged("u1", (3, "|", None, None, None, -8, -8, 0)),
    "a state that is none": forged("u1", None),
    "a state of another version": forged("u1", (4, "|", None, None, None, -1, -1, 0, {})),
    "a shape larger than the bytes": forged(shape=(2**31, 3072)),
    "a negative shape": forged(shape=(-20, -3072)),
    "a shape of huge numbers": forged(shape=(1 << 400_000, 1 << 400_000)),
    "a shape of many numbers": forged(shape=(1,) * 100),
    "a shape that is none": forged(shape=20),
    "a shape of truths": forged(raw=b"1", shape=(True, True)),
    "bytes that are text": forged(raw="1" * 20 * 3072),
    "bytes that are a list": forged(raw=[None] * 20),
    "an order that is none": forged(by_columns=7),
    "tuples in tuples": b"\x80\x02)" + b"\x85" * 150_000 + b"}" + b"N" + b"\x87.",
    "a key of tuples in tuples": b"\x80\x02})" + b"\x85" * 150_000 + b"Ns.",
    "lists in lists": b"\x80\x02" + b"]" * 90_000 + b"a" * 89_999 + b".",
    "calls in calls": b"\x80\x02cnumpy\ndtype\nq\x00)" + b"h\x00" + b"h\x00)R" * 60_000 + b".",
    "states in states": b"\x80\x02cnumpy\ndtype\nq\x00)R" + b"h\x00)R" * 40_000 + b"b" * 40_000 + b".",
    "a list in itself": b"\x80\x02}U\x06labels]q\x00h\x00aU\x04datah\x00u.",
    "very many dictionaries": b"\x80\x02(" + b"}" * 1_000_000 + b"t.",
    "a far place to remember": b"\x80\x02Nr\xff\xff\xff\x7f.",
    "far more bytes than there are": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "a frame larger than the file": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7f.",
    "an extension": b"\x80\x02\x82\x01.",
    "a persistent name": b"Pname\n.",
    "no end": b"\x80\x02N",
    "no start": b".",
    "nothing": b"",
    "escape codes": b"\x80\x02c\x1b[31mred\nname\n.",
    "a name without end": b"\x80\x02c" + b"x" * 1_000_000,
    "a number without end": b"L" + b"9" * 1_000_000 + b"L\n.",
}


def test_no_forged_pickle_ends_the_process(batches, tmp_path):
    """In a process of its own, with 1 GB of memory: what is wrong here might end it."""
    for k, body in enumerate(FORGED.values()):
        (tmp_path / str(k)).write_bytes(body)
    code = f"""
import resource, sys
from pathlib import Path
from numerics import cifar10
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, used + 2**30))
for k in range({len(FORGED)}):
    Path(sys.argv[1], "data_batch_1").write_bytes(Path(sys.argv[2], str(k)).read_bytes())
    try:
        cifar10.read(Path(sys.argv[1]), (0, 1), cifar10.Published(train=4, test=2, batches=2, md5={{}}))
    except ValueError as problem:
        print(k, ascii(str(problem)))
    sys.stdout.flush()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(batches), str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert done.returncode == 0, (done.returncode, list(FORGED)[len(said)], done.stderr[-500:])
    for k, name in enumerate(FORGED):
        assert "data_batch_1: is no batch of CIFAR-10 (" in said[str(k)], name
        assert "\\x1b" not in said[str(k)] and len(said[str(k)]) < 400


@settings(max_examples=100)
@given(st.data())
def test_a_pickle_with_some_bytes_changed_gives_bytes_or_one_line(data):
    body = bytearray(python_2(np.arange(2 * 3072, dtype=np.uint8).reshape(2, 3072), [3, 8]))
    outside = [*range(200), *range(len(body) - 60, len(body))]  # of the pixels, where a change is as good as none
    for place in data.draw(st.lists(st.sampled_from(outside), min_size=1, max_size=4)):
        body[place] = data.draw(st.integers(0, 255))
    held = True
    with contextlib.suppress(Exception):  # of any kind: the reader of a batch makes one line of it
        pixels, labels = cifar10.LAYOUTS[""](bytes(body))
        held = pixels.dtype == np.uint8 and set(labels.tolist()) <= set(range(10))
    assert held


# Archives ----------------------------------------------------------------------------------------------------------


def member(name, size, kind=tarfile.REGTYPE):
    held = tarfile.TarInfo(name)
    held.size, held.type = size, kind
    return held.tobuf(tarfile.GNU_FORMAT)


def sparse(name, size):
    """A file of some GB in an archive of 1 kB: it is said to be all holes."""
    head = bytearray(member(name, 0, tarfile.GNUTYPE_SPARSE))
    head[483:495] = b"%011o\0" % size
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head)


BROKEN = {
    "text": b"CIFAR-10 is a labelled subset of the tiny images dataset.\n" * 100,
    "nothing": b"",
    "zeros": bytes(20_000),
    "gzip of text": gzip.compress(b"no archive" * 1000),
    "gzip of nothing": gzip.compress(b""),
    "a member of 6 GB": gzip.compress(member("cifar-10-batches-py/data_batch_1", 6 * 2**30)),
    "a member of 6 GB that no one asked for": gzip.compress(member("readme.html", 6 * 2**30) + bytes(5000)),
    "6 GB of holes": gzip.compress(sparse("cifar-10-batches-py/data_batch_1", 6 * 2**30) + bytes(1024)),
    "6 GB of a name": gzip.compress(member("x", 6 * 2**30, tarfile.GNUTYPE_LONGNAME) + b"x" * 5000),
    "6 GB of a header": gzip.compress(member("x", 6 * 2**30, tarfile.XHDTYPE) + b"x" * 5000),
    "names of names": gzip.compress(member("x", 5, tarfile.GNUTYPE_LONGNAME).ljust(1024, b"y") * 3000),
    "a device": gzip.compress(member("data_batch_1", 0, tarfile.CHRTYPE) + bytes(1024)),
    "a link": gzip.compress(member("data_batch_1", 0, tarfile.SYMTYPE) + bytes(1024)),
    "gzip in gzip": gzip.compress(gzip.compress(bytes(9000))),
    "a zip": b"PK\x03\x04" + bytes(5000),
    "xz's start": b"\xfd7zXZ\x00" + bytes(5000),
    "bzip2's start": b"BZh9" + bytes(5000),
    "gzip's start": b"\x1f\x8b" + bytes(5000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_no_archive_is_one_line(name, tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    path.write_bytes(BROKEN[name])
    for place in (path, tmp_path):
        refused(place, r"tar\.gz: (is no whole archive|holds no data_batch_1)")


@pytest.mark.parametrize("how", ["w:gz", "w:xz", "w:bz2"])
def test_a_damaged_archive_is_one_line(how, tmp_path, batches):
    path = packed(batches, tmp_path / "x" / "any", how)
    whole = path.read_bytes()
    for place in (20, len(whole) // 2):
        path.write_bytes(whole[:place] + bytes(200) + whole[place + 200 :])
        refused(path, "is no whole archive|is no batch|holds no")
        path.write_bytes(whole[:place])
        refused(path, "is no whole archive")


def test_an_archive_unpacks_to_so_much_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar10, "UNPACKED", 10**6)
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        path = tmp_path / "bomb"
        path.write_bytes(pack(member("readme.html", 10**6) + bytes(10**7)))
        assert path.stat().st_size < 10**6
        refused(path, "unpacks to more than 1,000,000 bytes")


# Files that are none -----------------------------------------------------------------------------------------------


def test_what_is_no_regular_file_or_too_large_is_one_line(batches, tmp_path):
    (batches / "data_batch_2").unlink()
    (batches / "data_batch_2").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/zero", "/dev/null", tmp_path / "pipe", batches):
        refused(path, "is no regular file")
    (batches / "data_batch_2").unlink()
    (batches / "data_batch_2").mkdir()
    refused(batches, "data_batch_2: is no regular file")
    for name, most in (("data_batch_1", cifar10.BATCH), ("cifar-10-python.tar.gz", cifar10.ARCHIVE)):
        path = tmp_path / name / name
        path.parent.mkdir()
        path.touch()
        os.truncate(path, 6 * 2**30)  # holes: it takes no place
        refused(path, f"has 6,442,450,944 bytes, and no file of CIFAR-10 above {most:,}")
        refused(path.parent, "has 6,442,450,944 bytes")


@pytest.mark.parametrize("path", ["~nobody-of-this-name/x", "x" * 5000, "x\0y", "/dev/null/x"])
def test_a_name_that_cannot_be_one_is_one_line(path):
    with pytest.raises(ValueError, match="name where CIFAR-10 lies"):
        cifar10.read(Path(path), (0, 1), SMALL)


def test_only_so_many_files_are_looked_at(tmp_path, batches, monkeypatch):
    deep = tmp_path / "a"
    for name in "bcdef":
        deep /= name
    deep.mkdir(parents=True)
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    batches.rename(deep / batches.name)
    refused(tmp_path / "a", "holds no CIFAR-10 in a layout that is read")
    cifar10.read(deep, (0, 1), SMALL)
    monkeypatch.setattr(cifar10, "ENTRIES", 3)
    for k in range(5):
        (deep / str(k)).touch()
    refused(deep, "holds no CIFAR-10 in a layout that is read")


# The other layouts -------------------------------------------------------------------------------------------------


def test_a_damaged_binary_version_is_one_line(tmp_path, content):
    folder = binary(tmp_path / "cifar-10-batches-bin", content)
    file = folder / "data_batch_2.bin"
    whole = file.read_bytes()
    for body, says in (
        (whole[:-1], "its 61,459 bytes are no rows of 3073"),
        (whole[:-3073], "holds 19 images, not 20"),
        (b"\x0a" + whole[1:], "one label from 0 to 9"),
        (b"", "holds 0 images, not 20"),
    ):
        file.write_bytes(body)
        assert "data_batch_2.bin: " in refused(folder, says)
    file.unlink()
    refused(folder, "data_batch_2.bin: cannot be read")
    archive = packed(folder, tmp_path / "x.tar.gz")
    refused(archive, "holds no data_batch_2.bin")
    file.write_bytes(whole)
    archive = packed(folder, tmp_path / "x.tar.gz")
    cifar10.read(archive, (0, 1), SMALL)
    sums = {"cifar-10-binary.tar.gz": hashlib.md5(archive.read_bytes()).hexdigest()}
    cifar10.read(archive, (0, 1), replace(SMALL, md5=sums))
    refused(archive, "x.tar.gz: differs from the published file", replace(SMALL, md5=Published().md5))


def test_grey_images_are_refused_in_every_layout(tmp_path, content):
    grey = {name: (np.tile(pixels[:, :1024], 3), labels) for name, (pixels, labels) in content.items()}
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    for name, held in grey.items():
        (folder / name).write_bytes(saved(*held))
    for path in (folder, binary(tmp_path / "bin", grey), packed(folder, tmp_path / "x"), parquet(tmp_path / "p", grey)):
        refused(path, "every image is grey")


ROW = np.arange(3072, dtype=np.uint8)


@pytest.mark.parametrize(
    ("image", "says"),
    [
        (png(ROW, "L"), "the image in row 0 is L of 32 x 32, not RGB"),
        (png(ROW, "RGBA"), "is RGBA of 32 x 32"),
        (png(ROW, "P"), "is P of 32 x 32"),
        (png(ROW, kind="jpeg"), "row 0 is no image"),
        ({"bytes": png(ROW)["bytes"][:100], "path": None}, "row 0 is no image"),
        ({"bytes": None, "path": "/etc/passwd"}, "row 0 is no image"),
        ({"path": "a.png"}, "row 0 is no image"),
        (None, "row 0 is no image"),
        (5, "row 0 is no image"),
        ([1, 2], "row 0 is no image"),
        ("%!PS", "row 0 is no image"),
        ({"bytes": struct.pack(">8s I4sIIBBBBBI", b"\x89PNG\r\n\x1a\n", 13, b"IHDR", 60000, 60000, 8, 2, 0, 0, 0, 0)},
         "row 0 is no image"),
    ],
)  # fmt: skip
def test_what_is_no_colour_image_of_the_size_is_one_line(image, says, tmp_path, content):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = parquet(tmp_path / "hf", content)
    pq.write_table(pa.table({"img": [image], "label": [0]}), folder / "train-00000-of-00002.parquet")
    refused(folder, says)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ({"img": [b""], "label": [None]}, "needs a label from 0 to 9|is no whole parquet file"),
        ({"img": [b""], "label": ["cat"]}, "needs a label from 0 to 9"),
        ({"img": [b""], "label": [[1]]}, "needs a label from 0 to 9"),
        ({"img": [b""], "label": [0.5]}, "needs a label from 0 to 9"),
        ({"img": [b""], "label": [-1]}, "needs a label from 0 to 9"),
        ({"img": [b""], "label": np.array([2**63], np.uint64)}, "needs a label from 0 to 9"),
        ({"img": [b""] * 41, "label": [0] * 41}, "holds 41 images in .* bytes, more than 40"),
        ({"img": [b""], "fine_label": [0]}, "has the columns img, fine_label, not img and label"),
        ({"\x1b[31m\n" * 9: [b""]}, r"has the columns \?\[31m"),
        ({}, "has the columns none, not"),
    ],
)
def test_other_columns_are_one_line(columns, says, tmp_path, content):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = parquet(tmp_path / "hf", content)
    pq.write_table(pa.table(columns), folder / "train-00000-of-00002.parquet")
    refused(folder, says)


def test_two_columns_of_one_name_are_one_line(tmp_path, content):
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = parquet(tmp_path / "hf", content)
    table = pa.Table.from_arrays([pa.array([b""]), pa.array([b""]), pa.array([0])], names=["img", "img", "label"])
    pq.write_table(table, folder / "train-00000-of-00002.parquet")
    refused(folder, "has the columns img, img, label, not img and label")


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(places=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=5))
def test_a_parquet_file_with_some_bytes_changed_gives_images_or_one_line(places, tmp_path, content):
    folder = tmp_path / "hf"
    file = folder / "test.parquet"
    if not folder.exists():
        parquet(folder, content)
        (tmp_path / "whole").write_bytes(file.read_bytes())
    whole = bytearray((tmp_path / "whole").read_bytes())
    for share, value in places:
        whole[-1 - int(share * 2000)] = value  # the end says what is where
    file.write_bytes(whole)
    with contextlib.suppress(ValueError):
        cifar10.read(folder, (0, 1), SMALL)


def test_classes_are_ten():
    assert len(cifar10.CLASSES) == 10 == len(set(cifar10.CLASSES))
