"""CIFAR-10 from a disk, as people have it: nothing is fetched, and no file is believed.

Read are the Python batches, as a folder or in their archive (torchvision and Keras keep them so), the
binary version, likewise, and Hugging Face's parquet files. A file may be damaged or made to do harm. So only regular
files are opened, no more is read of one than CIFAR-10 needs, a Python batch has to have the published sum before it is
looked into, and is then read by :mod:`numerics.pickled`, which carries nothing out.
"""

import bz2
import gzip
import hashlib
import io
import itertools
import lzma
import os
import re
import stat
import tarfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from numerics import pickled
from numerics.extra import extra

SIDE = 32
CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
# The most bytes that are read of a file of each kind. Of the published ones a batch has 31 MB, an archive 170 packed
# and 186 unpacked, and a parquet file 120.
BATCH, ARCHIVE, UNPACKED, PARQUET = 2**26, 2**28, 2**29, 2**28
DEPTH, ENTRIES = 4, 10_000  # how deep in folders files are looked for, and among how many
ARCHIVES = (
    "cifar-10-python.tar.gz",
    "cifar-10-batches-py.tar.gz",  # Keras 2
    "cifar-10-batches-py-target_archive",  # Keras 3
    "cifar-10-binary.tar.gz",
)
ANEW = "get CIFAR-10 anew"

Raw = tuple[np.ndarray, np.ndarray]  # uint8 images (N, C, H, W) and their labels among all classes (N,)


@dataclass(frozen=True, kw_only=True)
class Published:
    """What a complete copy of CIFAR-10 holds (Krizhevsky 2009); tests give a smaller one.

    Attributes:
        train: training images of each class.
        test: test images of each class.
        batches: files that the training images are spread over evenly, in the Python and binary layouts.
        md5: of each file of the Python layout, by name, and of the archive of the binary one, whose files have no
            published sums. A file that is not named is not compared.
    """

    train: int = 5000
    test: int = 1000
    batches: int = 5
    md5: Mapping[str, str] = field(
        default_factory=lambda: {
            "data_batch_1": "c99cafc152244af753f735de768cd75f",
            "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
            "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
            "data_batch_4": "634d18415352ddfa80567beed471001a",
            "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
            "test_batch": "40351d587109b95175f43aff81a1287e",
            "cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530",
        }
    )

    @property
    def names(self) -> list[str]:
        """Of the files that training images are in, without the binary layout's suffix."""
        return [f"data_batch_{k + 1}" for k in range(self.batches)]


CIFAR10 = Published()


def read(path: Path, wanted: tuple[int, int], published: Published = CIFAR10) -> tuple[Raw, Raw]:
    """Training and test images of two classes of the CIFAR-10 that lies at ``path``, in file order.

    Args:
        path: a folder in which it lies, itself or up to DEPTH folders below; one of its files; or an archive of its
            Python or binary version, of any name. Of several copies Python batches are taken first, then the binary
            version, archives and parquet files, and the shallowest of a kind.
        wanted: numbers of the two classes. Counts are checked over all ten.
        published: what a complete copy holds.

    Raises:
        ValueError: nothing of that kind is there, or it is damaged, incomplete, too large or no regular file.
    """
    found = _found(path, wanted, published)
    for pixels, _ in found:
        if (pixels == pixels[:, :1]).all():
            raise ValueError(f"{path}: every image is grey, and CIFAR-10's are in colour; {ANEW}")
    return found


def _found(path: Path, wanted: tuple[int, int], published: Published) -> tuple[Raw, Raw]:
    try:
        path = path.expanduser()
        held = path.stat()
    except (OSError, RuntimeError, ValueError) as problem:  # no such file or user; a name that cannot be one
        raise ValueError(
            f"--data cifar10:{path}: cannot be read ({_line(problem)}); name where CIFAR-10 lies"
        ) from None
    if not stat.S_ISDIR(held.st_mode):
        if not re.fullmatch(r"(data_batch_\d|test_batch)(\.bin)?|.*\.parquet", path.name):
            return _from_archive(path, wanted, published)
        path = path.parent  # one file of several
    files = _files(path)
    for suffix in LAYOUTS:
        for file in files:
            if file.name in (f"data_batch_1{suffix}", f"test_batch{suffix}"):
                return _from_folder(file.parent, suffix, wanted, published)
    for file in files:
        if file.name in ARCHIVES:
            return _from_archive(file, wanted, published)
    tables = [file for file in files if file.suffix == ".parquet"]
    if tables:
        train, test = (_from_parquet(tables, path, split, wanted, published) for split in ("train", "test"))
        return train, test
    raise ValueError(
        f"--data cifar10:{path}: holds no CIFAR-10 in a layout that is read (Python batches, binary version, their"
        " archives, parquet files); name where it lies"
    )


# Files -------------------------------------------------------------------------------------------------------------


def _files(path: Path) -> list[Path]:
    """Files below a folder, the shallowest first."""
    found: list[Path] = []
    folders = [(path, 0)]
    seen = 0
    for folder, depth in folders:
        if seen >= ENTRIES:
            break
        try:
            with os.scandir(folder) as listed:
                entries = sorted(itertools.islice(listed, ENTRIES - seen), key=lambda entry: entry.name)
            for entry in entries:
                if not entry.is_dir():
                    found.append(folder / entry.name)
                elif depth < DEPTH:
                    folders.append((folder / entry.name, depth + 1))
        except OSError as problem:
            if folder == path:
                raise ValueError(
                    f"--data cifar10:{path}: cannot be read ({_line(problem)}); name where CIFAR-10 lies"
                ) from None
            continue
        seen += 1 + len(entries)
    return found


def _regular(path: Path, most: int) -> None:
    """Raise ``ValueError`` for a device, a pipe or the like, which may have no end, and for too large a file."""
    try:
        held = path.stat()
    except OSError as problem:
        raise ValueError(f"{path}: cannot be read ({problem.strerror}); {ANEW}") from None
    if not stat.S_ISREG(held.st_mode):
        raise ValueError(f"{path}: is no regular file; {ANEW}")
    if held.st_size > most:
        raise ValueError(f"{path}: has {held.st_size:,} bytes, and no file of CIFAR-10 above {most:,}; {ANEW}")


def _body(path: Path, most: int) -> bytes:
    _regular(path, most)
    try:
        return path.read_bytes()
    except OSError as problem:
        raise ValueError(f"{path}: cannot be read ({problem.strerror}); {ANEW}") from None


def _from_folder(folder: Path, suffix: str, wanted: tuple[int, int], published: Published) -> tuple[Raw, Raw]:
    return _from_batches(lambda name: _body(folder / name, BATCH), folder, suffix, wanted, published)


def _same(body: bytes, path: Path, wanted: str | None) -> None:
    """Raise ``ValueError`` if a file is not the published one."""
    found = hashlib.md5(body, usedforsecurity=False).hexdigest()
    if wanted and found != wanted:
        raise ValueError(f"{path}: differs from the published file (md5 {found}, not {wanted}); {ANEW}")


@dataclass
class _Bounded:
    """A stream of which no more than so many bytes are read: packed, a few can stand for any number."""

    stream: Any
    most: int

    def read(self, size: int) -> bytes:
        body = self.stream.read(size)
        self.most -= len(body)
        if self.most < 0:
            raise ValueError(f"it unpacks to more than {UNPACKED:,} bytes")
        return body


UNPACK: dict[bytes, Callable[[Any], Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


def _from_archive(path: Path, wanted: tuple[int, int], published: Published) -> tuple[Raw, Raw]:
    """Straight from the archive: nothing is unpacked to the disk."""
    packed = _body(path, ARCHIVE)
    layouts = {suffix: {f"{name}{suffix}" for name in (*published.names, "test_batch")} for suffix in LAYOUTS}
    files: dict[str, bytes] = {}
    unpack = next((found for magic, found in UNPACK.items() if packed.startswith(magic)), lambda stream: stream)
    try:
        with tarfile.open(fileobj=_Bounded(unpack(io.BytesIO(packed)), UNPACKED), mode="r|") as held:  # type: ignore[arg-type]
            for member in held:
                name = Path(member.name).name
                if member.size > UNPACKED:  # before it is passed over, block by block
                    raise ValueError(f"a file in it has {member.size:,} bytes")
                if not member.isfile() or not any(name in names for names in layouts.values()):
                    continue
                if member.size > BATCH:
                    raise ValueError(f"its {name} has {member.size:,} bytes")
                files[name] = held.extractfile(member).read()  # type: ignore[union-attr]
                if any(names <= files.keys() for names in layouts.values()):
                    break
    except Exception as problem:  # a damaged archive fails in any way
        raise ValueError(f"{path}: is no whole archive of CIFAR-10 ({_line(problem)}); {ANEW}") from None
    suffix = max(layouts, key=lambda suffix: len(layouts[suffix] & files.keys()))
    if suffix == ".bin":
        _same(packed, path, published.md5.get("cifar-10-binary.tar.gz"))

    def body(name: str) -> bytes:
        if name not in files:
            raise ValueError(f"{path}: holds no {name}; {ANEW}")
        return files[name]

    return _from_batches(body, path, suffix, wanted, published)


# Batches -----------------------------------------------------------------------------------------------------------


def _pickled(body: bytes) -> Raw:
    """The Python layout: a dictionary with an array (N, 3072) of bytes and a list of labels."""
    held = pickled.read(body)
    if not isinstance(held, dict) or not isinstance(held.get(b"labels"), list) or b"data" not in held:
        raise ValueError("it holds no data and labels")
    labels = held[b"labels"]
    if not all(type(label) is int and 0 <= label <= 9 for label in labels):
        raise ValueError("it needs one label from 0 to 9 for each image")
    return pickled.array(held[b"data"]), np.array(labels, dtype=np.int64)


def _binary(body: bytes) -> Raw:
    """The binary layout: for each image a byte with its label and 3072 with its pixels."""
    size = 1 + 3 * SIDE * SIDE
    if len(body) % size:
        raise ValueError(f"its {len(body):,} bytes are no rows of {size}")
    rows = np.frombuffer(body, np.uint8).reshape(-1, size)
    return rows[:, 1:], rows[:, 0].astype(np.int64)


LAYOUTS: dict[str, Callable[[bytes], Raw]] = {"": _pickled, ".bin": _binary}  # by the suffix of the files


def _from_batches(
    body: Callable[[str], bytes], where: Path, suffix: str, wanted: tuple[int, int], published: Published
) -> tuple[Raw, Raw]:
    def split(names: list[str], each: int) -> Raw:
        count = 10 * each // len(names)
        parts = [_batch(body(f"{name}{suffix}"), where / f"{name}{suffix}", count, published) for name in names]
        labels = np.concatenate([labels for _, labels in parts])
        _complete(labels, each, where)
        chosen = np.isin(labels, wanted)
        return np.concatenate([pixels for pixels, _ in parts])[chosen], labels[chosen]

    return split(published.names, published.train), split(["test_batch"], published.test)


def _batch(body: bytes, path: Path, count: int, published: Published) -> Raw:
    _same(body, path, published.md5.get(path.name))
    try:
        pixels, labels = LAYOUTS[path.suffix](body)
    except Exception as problem:  # a damaged pickle fails in any way
        raise ValueError(f"{path}: is no batch of CIFAR-10 ({_line(problem)}); {ANEW}") from None
    if pixels.ndim != 2 or pixels.shape[1] != 3 * SIDE * SIDE:
        raise ValueError(f"{path}: images are bytes of shape {pixels.shape}, not 3072 bytes each; {ANEW}")
    if len(labels) != len(pixels) or (len(labels) and labels.max() > 9):
        raise ValueError(f"{path}: needs one label from 0 to 9 for each of {len(pixels)} images; {ANEW}")
    if len(labels) != count:
        raise ValueError(f"{path}: holds {len(labels)} images, not {count}; {ANEW}")
    return pixels.reshape(-1, 3, SIDE, SIDE), labels


def _complete(labels: np.ndarray, each: int, where: Path) -> None:
    counts = np.bincount(labels, minlength=10)
    for name, count in zip(CLASSES, counts, strict=True):
        if count != each:
            raise ValueError(f"{where}: holds {count} images of class {name}, not {each}; {ANEW}")


# Parquet -----------------------------------------------------------------------------------------------------------


def _split_of(file: Path) -> str | None:
    """Train or test by a word of the file's name, else of its folder's: Hugging Face has had several exports."""
    for name in (file.stem, file.parent.name):
        found = re.findall(r"(?<![a-z])(train|test)(?![a-z])", name)
        if found:
            return found[-1]
    return None


def _from_parquet(tables: list[Path], path: Path, split: str, wanted: tuple[int, int], published: Published) -> Raw:
    import pyarrow.parquet as parquet  # slow to import, and few files are of this kind

    each = published.train if split == "train" else published.test
    files = [file for file in tables if _split_of(file) == split]
    if not files:
        raise ValueError(f"--data cifar10:{path}: no parquet file of the {split} split; {ANEW}")
    pixels, labels = [], []
    for file in files:
        _regular(file, PARQUET)
        try:
            with parquet.ParquetFile(file) as held:
                names = held.schema_arrow.names
                about = held.metadata
                rows = about.num_rows
                size = sum(about.row_group(k).total_byte_size for k in range(about.num_row_groups))
                image = next((name for name in ("img", "image") if names.count(name) == 1), None)
                label = next((name for name in ("label", "labels") if names.count(name) == 1), None)
                known = image and label and rows <= 10 * each and size <= PARQUET
                table = held.read(columns=[image, label]) if known else None
                found = table[label].to_numpy() if table else np.empty(0)
        except Exception as problem:  # a damaged file fails in any way
            raise ValueError(f"{file}: is no whole parquet file ({_line(problem)}); {ANEW}") from None
        if image is None or label is None:
            held_names = _line(", ".join(names) or "none")
            raise ValueError(f"{file}: has the columns {held_names}, not img and label; name CIFAR-10's own files")
        if table is None:
            raise ValueError(f"{file}: holds {rows:,} images in {size:,} bytes, more than {10 * each:,}; {ANEW}")
        if found.dtype.kind not in "iu" or (len(found) and not 0 <= found.min() <= found.max() <= 9):
            raise ValueError(f"{file}: needs a label from 0 to 9 for each image; {ANEW}")
        labels.append(found.astype(np.int64))
        chosen = np.flatnonzero(np.isin(found, wanted))  # the others need not be decoded
        pixels += [
            _decoded(row, file, int(k)) for k, row in zip(chosen, table[image].take(chosen).to_pylist(), strict=True)
        ]
    every = np.concatenate(labels)
    _complete(every, each, path)
    return np.stack(pixels), every[np.isin(every, wanted)]


def _decoded(held: object, file: Path, row: int) -> np.ndarray:
    with extra():
        from PIL import Image

    try:
        body = held["bytes"] if isinstance(held, dict) else held
        with warnings.catch_warnings(), Image.open(io.BytesIO(body), formats=("PNG",)) as image:  # type: ignore[arg-type]
            warnings.simplefilter("error")
            kind = image.mode, image.size
            pixels = np.asarray(image) if kind == ("RGB", (SIDE, SIDE)) else None
    except Exception as problem:  # a damaged image fails in any way
        raise ValueError(f"{file}: row {row} is no image ({_line(problem)}); {ANEW}") from None
    if pixels is None:
        (mode, (width, height)) = kind
        raise ValueError(f"{file}: the image in row {row} is {mode} of {width} x {height}, not RGB of 32 x 32; {ANEW}")
    return pixels.transpose(2, 0, 1)


def _line(problem: object) -> str:
    """What was said, in one short line of printable characters: it may hold text of the file."""
    text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
    words = " ".join(text[:1000].split())[:120] or type(problem).__name__
    return "".join(c if c.isprintable() else "?" for c in words)
