"""The house's numbers: sizes, depths, imports. The layers themselves are import-linter's (pyproject.toml)."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import seasoned

SOURCE = Path(seasoned.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({path.parent for path in FILES})
QUESTIONS = re.compile(r"(What|Whether|Which|How|Who|When|Where)\b")
TESTS = Path(__file__).parent
OCCASIONS = re.compile(
    r"_reading|(first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth)_|_(again|misc|more)\b"
)
"""Words in the name of a test file that tell of an occasion and of no module or behaviour."""
HEAVY = ["pandas", "sklearn", "scipy", "lightgbm", "jax", "matplotlib", "plotly", "sqlalchemy", "numpy"]


@cache
def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path):
    return [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_there_is_something_to_measure():
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_file_is_short_and_its_functions_too(path):
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 500, f"{lines} lines; split it by concept"
    for function in functions(path):
        length = function.end_lineno - function.lineno + 1
        docstring = ast.get_docstring(function, clean=False)
        assert length - (len(docstring.splitlines()) if docstring else 0) <= 60, f"{function.name}: {length} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_constructors_take_at_most_nine_parameters(path):
    for function in functions(path):
        if function.name == "__init__":
            arguments = function.args.args + function.args.kwonlyargs + function.args.posonlyargs
            assert len(arguments) - 1 <= 9, f"{path.name}:{function.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_our_own_modules_are_imported_at_the_top(path):
    for function in functions(path):
        for node in ast.walk(function):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not any(name.split(".")[0] == "seasoned" for name in names), f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(SOURCE)))
def test_a_module_s_docstring_begins_with_what_the_module_is(path):
    docstring = ast.get_docstring(tree(path))
    assert docstring, "every module has one"
    assert not QUESTIONS.match(docstring), docstring.splitlines()[0]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(SOURCE.parent)))
def test_a_folder_holds_few_modules_and_is_a_package(folder):
    modules = [path.stem for path in folder.glob("*.py")]
    assert "__init__" in modules
    assert len(modules) - 1 <= 17, f"{len(modules) - 1} modules; split the package"


def test_tests_stand_in_the_folders_of_the_rooms():
    rooms = {tuple(part.removeprefix("_") for part in folder.relative_to(SOURCE).parts) for folder in FOLDERS}
    for path in TESTS.rglob("test_*.py"):
        place = tuple(path.parent.relative_to(TESTS).parts)
        if place[:1] not in {("benchmarks",), ("tools",)}:  # scripts of the checkout, which are no room
            assert tuple("ray" if part == "ray_cluster" else part for part in place) in rooms, path
        assert not OCCASIONS.search(path.stem), path


def test_no_room_reaches_up_by_the_name_of_a_module():
    """Imports by name are invisible to import-linter: ours are of lower rooms, or registered by the package's face."""
    rooms = ["cli", "report", "integrations", "tabular", "knowledge", "study", "fidelity", "samplers", "storage"]
    for path in FILES:
        (own, *_) = path.relative_to(SOURCE).parts
        named = re.findall(r'import_module\("seasoned\.(\w+)', path.read_text(encoding="utf-8"))
        above = rooms[: rooms.index(own)] if own in rooms else []
        assert not set(named) & set(above), path.name


def test_importing_seasoned_loads_nothing_heavy():
    code = f"import sys, seasoned; print([name for name in {HEAVY!r} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_name_can_be_had():
    for name in seasoned.__all__:
        assert getattr(seasoned, name) is not None
    assert dir(seasoned) == sorted(seasoned.__all__)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: str(p.relative_to(SOURCE.parent)))
def test_no_submodule_has_the_name_of_something_that_its_package_exports(folder):
    """Once imported, the submodule would hide it."""
    package = importlib.import_module(".".join(folder.relative_to(SOURCE.parent).parts))
    assert not {path.stem for path in folder.iterdir()} & set(getattr(package, "__all__", ()))


def test_using_a_study_leaves_the_process_as_it_was():
    code = """
import os, random, signal, threading, warnings
import numpy as np
from seasoned import Float, Space, Study

def state():
    signals = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD)]
    return dict(os.environ), list(warnings.filters), random.getstate(), str(np.random.get_state()), signals

Study(Space(x=Float(0, 1))).optimize(lambda config: config["x"], trials=8, workers=2)  # imports what it needs
before = state()
Study(Space(x=Float(0, 1))).optimize(lambda config: config["x"], trials=8, workers=2)
Study(Space(x=Float(0, 1))).optimize(lambda config: config["x"], trials=8)
assert state() == before
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
