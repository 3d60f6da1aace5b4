"""The package as it would be published: builds, installs, imports, and what it imports."""

from __future__ import annotations

import ast
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from typing import Iterator, List, Set

import flit_core.buildapi  # type: ignore[import-untyped]
import pytest

import sessionclient
from conftest import PACKAGE, Sessiond

MODULES = sorted((PACKAGE / "sessionclient").glob("*.py"))

IMPORTING = """
import sys, sessionclient, importlib.metadata
assert importlib.metadata.version("sessionclient") == sessionclient.__version__
url = sys.argv[1]
client = sessionclient.SessionClient(url, url, app_version="1.0", platform="tests")
with client.open(url) as response:
    print(response.status)
assert "httpx" not in sys.modules
try:
    import sessionclient.httpx
except ImportError:
    print("without httpx")
for kind in (sessionclient.MemoryKey, lambda: sessionclient.FileKey("key")):
    try:
        kind()
    except ImportError as error:
        print(error)
"""

REMEDY = "keys of the device need the package cryptography: pip install cryptography"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[pathlib.Path]:
    """The wheel and the source distribution, built from a copy by the backend alone."""
    folder = tmp_path_factory.mktemp("built")
    source = tmp_path_factory.mktemp("source") / "python"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("__pycache__"))
    before = os.getcwd()
    os.chdir(source)
    try:
        flit_core.buildapi.build_wheel(str(folder))
        flit_core.buildapi.build_sdist(str(folder))
    finally:
        os.chdir(before)
    yield folder


def test_wheel_and_sdist_hold_the_package(built: pathlib.Path) -> None:
    name = f"sessionclient-{sessionclient.__version__}"
    assert sorted(os.listdir(built)) == [f"{name}-py3-none-any.whl", f"{name}.tar.gz"]
    files = {f"sessionclient/{each.name}" for each in MODULES} | {"sessionclient/py.typed"}
    with zipfile.ZipFile(built / f"{name}-py3-none-any.whl") as wheel:
        assert {each for each in wheel.namelist() if ".dist-info/" not in each} == files
        metadata = wheel.read(f"{name}.dist-info/METADATA").decode()
    extras = ("Provides-Extra: httpx", "Provides-Extra: bound")
    for line in ("Requires-Python: >=3.9", *extras, "# sessionclient for Python"):
        assert line in metadata.splitlines()
    with tarfile.open(built / f"{name}.tar.gz") as sdist:
        names = {each.partition("/")[2] for each in sdist.getnames()}
    assert names == files | {"pyproject.toml", "README.md", "PKG-INFO"}


def test_wheel_works_alone(
    built: pathlib.Path, tmp_path: pathlib.Path, sessiond: Sessiond
) -> None:
    (wheel,) = built.glob("*.whl")
    venv.create(tmp_path / "fresh", with_pip=False, symlinks=True)
    python = tmp_path / "fresh" / "bin" / "python"
    # pip of this environment: that of a new one would take seconds to install.
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index",
         "--disable-pip-version-check", str(wheel)],
        check=True,
    )  # fmt: skip
    ran = subprocess.run(
        [str(python), "-W", "error", "-c", IMPORTING, sessiond.url],
        check=True, cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )  # fmt: skip
    assert ran.stdout.split("\n") == ["200", "without httpx", REMEDY, REMEDY, ""]


def imports(path: pathlib.Path) -> Set[str]:
    found: List[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.append(node.module or "")
    return {each.partition(".")[0] for each in found}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.name))
def test_two_modules_need_more_than_the_standard_library(path: pathlib.Path) -> None:
    other = imports(path) - STANDARD
    assert other == {"httpx.py": {"httpx"}, "_signer.py": {"cryptography"}}.get(path.name, set())


STANDARD = {
    "__future__", "asyncio", "base64", "calendar", "concurrent", "contextlib", "email", "fcntl",
    "functools", "hashlib", "http", "io", "ipaddress", "json", "logging", "math", "msvcrt", "os",
    "random", "re", "secrets", "socket", "ssl", "stat", "sys", "tempfile", "threading", "time",
    "typing", "unicodedata", "urllib", "uuid", "weakref",
}  # fmt: skip


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.name))
def test_device_clock_is_read_in_one_place(path: pathlib.Path) -> None:
    """Of the module time only what does not depend on the device's clock is used elsewhere."""
    tree = ast.parse(path.read_text("utf-8"))
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "time"
    }
    used -= {"time"} if path.name == "_time.py" else set()  # Time.wall, for proofs alone
    assert used <= {"monotonic", "sleep"}
    assert "datetime" not in imports(path)


def test_modules_import_each_other_in_one_direction() -> None:
    needs = {}
    for path in MODULES:
        nodes = [
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.level == 1
        ]
        named = {node.module for node in nodes if node.module is not None}
        needs[path.stem] = named | {
            each.name for node in nodes if node.module is None for each in node.names
        }
    while needs:
        free = {name for name, others in needs.items() if not others & set(needs)}
        assert free, f"these import each other: {sorted(needs)}"
        needs = {name: others for name, others in needs.items() if name not in free}
