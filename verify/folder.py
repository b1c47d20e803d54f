"""A folder of ours: what was asked there, what each question wrote, and what of it is finished.

Several kinds of work share a folder; each has names of its own. A manifest makes the folder ours and says which files
each kind wrote: nothing else there is ever replaced or removed. While a command writes to a folder it holds a lock,
which the system lets go of with the process, whatever ends it.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from verify import processes

MANIFEST = "thetacheck.json"
OURS = ".thetacheck"  # how every hidden name of ours begins
LOCK, HOLDER = f"{OURS}.lock", f"{OURS}.pid"
ASIDE = f"{OURS}-new-"  # folders in which files lie until all of them are written
OLD = "*.npz"  # what was finished, before tables were Parquet files
MOST = 1 << 24  # bytes of a file of ours that is read as JSON
SCHEMAS = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class Folder:
    """How one kind of work keeps its part of a folder.

    Attributes:
        what: the kind of work, as the manifest and messages call it.
        files: patterns of all that its report consists of.
        work: the folder in it of what is finished, or "" where nothing is kept.
        finished: patterns of the files there, those first that say that something is finished.
    """

    what: str
    files: tuple[str, ...]
    work: str = ""
    finished: tuple[str, ...] = ()

    def read(self, folder: Path) -> dict[str, Any]:
        """What the work in a folder is, to go on with it.

        Raises:
            ValueError: there is none, or it cannot be read.
        """
        held = _manifest(folder)["work"].get(self.what, {})
        if "asked" not in held:
            raise ValueError(f"--resume {folder}: holds no {self.what} to resume; start one without --resume")
        return held["asked"]

    @contextmanager
    def open(self, folder: Path, asked: Mapping[str, Any], resume: bool = False) -> Iterator[Path]:
        """Hold a folder for the work that ``asked`` describes; yields where what is finished of it lies.

        A fresh start clears what was finished of earlier work of this kind; ``resume`` keeps it, if it is the same
        work.

        Raises:
            ValueError: the folder is not ours, holds other work, or another command is writing to it.
            OSError: it cannot be written, or was deleted meanwhile.
        """
        mine = json.loads(json.dumps(asked))
        self.require(folder, asked, resume)  # before anything is written there
        made = not folder.exists()
        try:
            with _held(folder):
                self.require(folder, asked, resume)  # another command may have been at work
                manifest = _manifest(folder)
                for left in folder.glob(f"{ASIDE}*"):  # of a command that was killed while it wrote
                    shutil.rmtree(left, ignore_errors=True)
                work = folder / self.work
                if self.work:
                    work.mkdir(exist_ok=True)
                    self._clear(work, whole=not resume)
                manifest["work"].setdefault(self.what, {"wrote": []})["asked"] = mine
                _write_manifest(folder, manifest)
                with self._explained(folder):
                    yield work
        except processes.Mistaken:
            if not resume:
                self._forget(folder, made)
            raise

    @contextmanager
    def _explained(self, folder: Path) -> Iterator[None]:
        """What ends work early says what to do about the folder."""
        try:
            yield
        except processes.Lost as problem:
            way = f"go on with --resume {folder}" if self.work else "start it again"
            raise processes.Lost(f"{problem}; {way}") from problem
        except OSError as problem:
            if not (folder / MANIFEST).exists():
                raise OSError(f"{folder}: was deleted or moved while it was written to; start again") from problem
            if problem.filename is not None and Path(problem.filename).is_relative_to(folder):
                raise unwritable(folder, problem) from problem
            raise

    def _forget(self, folder: Path, made: bool) -> None:
        """Leave nothing of work that never goes on: of a folder ``made`` for it nothing at all."""
        if not (folder / MANIFEST).exists():
            return
        if self.work:
            self._clear(folder / self.work, whole=True)
        manifest = _manifest(folder)
        del manifest["work"][self.what]["asked"]
        _write_manifest(folder, manifest)
        for name in (MANIFEST, LOCK) if made else ():
            (folder / name).unlink(missing_ok=True)
        for place, _, _ in os.walk(folder if made else folder / self.work, topdown=False):
            with suppress(OSError):  # it holds something
                os.rmdir(place)

    def _clear(self, work: Path, whole: bool) -> None:
        """Remove what was left unfinished; of the ``whole`` what was finished too."""
        unfinished = [str(Path(pattern).with_suffix(".partial")) for pattern in self.finished]
        for pattern in (*unfinished, *(self.finished if whole else ())):
            for path in work.glob(pattern):
                path.unlink()

    def save(self, body: Mapping[str, str | bytes], folder: Path) -> None:
        """Write the files of a report, by name relative to ``folder``: whole or not at all.

        Of what this kind wrote there earlier, files in folders of their own that are not written again are removed.

        Raises:
            ValueError: a file of that name is not ours.
            OSError: ``folder`` cannot be written.
        """
        _require_ours(folder)
        manifest = _manifest(folder)
        mine = manifest["work"].setdefault(self.what, {"wrote": []})
        before = set(mine["wrote"])
        for name in sorted(body.keys() - before):
            if (folder / name).exists():
                raise _foreign(folder, name, self.what)
        stale = {name for name in before if "/" in name} - body.keys()

        def noted(names: set[str]) -> None:
            mine["wrote"] = sorted(names)
            _write_manifest(folder, manifest)

        write_whole(body, folder, lambda: noted(before | body.keys()))
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        if stale:
            noted((before | body.keys()) - stale)

    def wrote(self, name: str, folder: Path) -> bool:
        """Whether a file of a folder is of this kind of work."""
        try:
            return name in _manifest(folder)["work"].get(self.what, {}).get("wrote", ())
        except ValueError:
            return False

    def require(self, folder: Path, asked: Mapping[str, Any], resume: bool) -> None:
        """The folder is ours, what is resumed the same work, and nothing lies where this kind of work will write.

        Raises:
            ValueError: it is not so.
        """
        _require_ours(folder)
        theirs = self.read(folder) if resume else {}
        for key, value in json.loads(json.dumps(asked)).items() if resume else ():
            if theirs.get(key) != value:
                raise ValueError(
                    f"--resume {folder}: its {key} is {theirs.get(key)!r}, not {value!r}; drop --resume to start anew"
                )
        held = _manifest(folder)["work"].get(self.what)
        wrote = () if held is None else held["wrote"]
        for path in [p for pattern in self.files for p in sorted(folder.glob(pattern))]:
            name = path.relative_to(folder).as_posix()
            if name not in wrote:
                raise _foreign(folder, name, self.what)
        if self.work and held is None:
            for path in sorted((folder / self.work).glob("*")):
                raise _foreign(folder, path.relative_to(folder).as_posix(), self.what)
        for path in sorted((folder / self.work).glob(OLD)) if self.work else ():
            name = path.relative_to(folder)
            raise ValueError(f"--out {folder}: holds {name} of an older version; delete it or name another folder")


def _foreign(folder: Path, name: str, what: str) -> ValueError:
    return ValueError(f"--out {folder}: holds {name}, which no {what} wrote; move it away or name another folder")


def _require_ours(folder: Path) -> None:
    """Raise ``ValueError`` where a folder holds anything and no manifest of ours."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder}: is a file; name a folder")
    held = {path.name for path in folder.iterdir()} if folder.exists() else set()
    if MANIFEST not in held and not all(name.startswith(OURS) for name in held):
        raise ValueError(f"--out {folder}: holds files that are not ours; name an empty or a new folder")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which is made where it is missing."""
    from filelock import FileLock, Timeout  # with what it needs in turn, a tenth of a second

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / LOCK)
        lock.acquire(timeout=0)
    except Timeout:
        try:
            by = f" (process {int((folder / HOLDER).read_text()[:20])})"
        except (OSError, ValueError):
            by = ""
        raise ValueError(
            f"{folder}: another command{by} is writing there; wait for its end, or name another folder"
        ) from None
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    try:
        (folder / HOLDER).write_text(f"{os.getpid()}\n")
        yield
    finally:
        (folder / HOLDER).unlink(missing_ok=True)
        lock.release()


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    return read_json(path, "folder.schema.json") if os.path.lexists(path) else {"thetacheck": 1, "work": {}}


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f".{MANIFEST}"
        partial.write_text(json.dumps(manifest, indent=2) + "\n")
        os.replace(partial, folder / MANIFEST)
    except OSError as problem:
        raise unwritable(folder, problem) from problem


def read_json(path: Path, schema: str) -> Any:
    """What a JSON file of ours holds.

    Args:
        path: of the file.
        schema: name of the one it must meet, in :data:`SCHEMAS`.

    Raises:
        ValueError: it cannot be read, is no JSON, or not ours.
    """
    way = "move it away or name another folder"
    try:
        if not path.is_file() or path.stat().st_size > MOST:
            raise ValueError("no file, or a very large one")
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as broken:  # a number of more digits than Python reads, too
        raise ValueError(f"{path} is damaged ({' '.join(str(broken).split())[:100]}): {way}") from broken
    problem = next(_validator(schema).iter_errors(found), None)
    if problem is not None:
        where = "/".join(map(str, problem.absolute_path)) or "as a whole"
        said = " ".join(problem.message.split())
        raise ValueError(f"{path} is not ours ({where}: {said if len(said) < 100 else said[:100] + '…'}): {way}")
    return found


@cache
def _validator(schema: str) -> Any:
    from jsonschema import Draft202012Validator, validators  # half a second with what it needs in turn

    # To a schema 2.0 is an integer, to Python it counts nothing.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, held: type(held) is int)
    strict = validators.extend(Draft202012Validator, type_checker=types)
    return strict(json.loads((SCHEMAS / schema).read_text(encoding="utf-8")))


def write_whole(body: Mapping[str, str | bytes], folder: Path, before: Callable[[], None] = lambda: None) -> None:
    """Write files, by name relative to ``folder``: first all of them aside, then moved into place one by one.

    Args:
        body: what they hold.
        folder: made where it is missing.
        before: called when all of them are written, before the first is moved.

    Raises:
        OSError: ``folder`` cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=ASIDE, dir=folder))
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    try:
        for name, held in body.items():
            path = aside / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(held if isinstance(held, bytes) else held.encode("utf-8"))
        # All is on the disk: from here on there are only renames.
        before()
        for name in body:
            (folder / name).parent.mkdir(exist_ok=True)
            os.replace(aside / name, folder / name)
    except OSError as problem:
        raise unwritable(folder, problem) from problem
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def unwritable(folder: Path, problem: OSError) -> OSError:
    return OSError(f"cannot write the report to {folder}: {problem.strerror or problem}; choose another --out")
