"""Law 12: a file from a stranger cannot run code, crash the process, or be a silently different model."""

from __future__ import annotations

import errno
import io
import json
import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from forging import forged
from seasoned import load
from seasoned.errors import InvalidInput
from seasoned.tabular.ensemble.fitted_model import Member
from seasoned.tabular.models._common.base import Job
from seasoned.tabular.models.registry import choose
from seasoned.tabular.safe_files import skops_file, zip_container

JUDGE = """
import sys
import numpy as np, pandas as pd
from pathlib import Path
from seasoned import load
from seasoned.errors import InvalidInput

X = pd.read_feather(sys.argv[1])
expected = load(sys.argv[2]).predict_proba(X)
for path in sorted(Path(sys.argv[3]).iterdir()):
    try:
        model = load(path)
    except InvalidInput as error:
        assert str(error).strip(), path.name
        print(path.name, "refused", flush=True)
        continue
    try:
        found = model.predict_proba(X)
    except Exception as error:
        print(path.name, f"raised-{type(error).__name__}", flush=True)
    else:
        print(path.name, "equal" if np.array_equal(found, expected) else "different", flush=True)
"""


@pytest.fixture(scope="module")
def model(fitted):
    """One model of every family that is installed, together."""
    estimator, X, y = fitted["binary"]
    plan, codes = estimator.fitted_.plan, (y == "yes").to_numpy(np.int64)
    job = Job("binary", 2, seed=0, categorical=plan.categorical)
    members = []
    families = choose(None)
    for family in families:
        config = json.loads(json.dumps(family.space("binary").default, default=dict))
        single = family.build(family.with_rounds(config, 30), job)
        family.fit(single, (plan.transform(X, family.diet), codes), None)
        members.append(Member(family.name, config, single, 1 / len(families)))
    many = type(estimator)(**estimator.get_params())
    many.restore(replace(estimator.fitted_, members=tuple(members)), estimator.rows_)
    return many, X


@pytest.fixture(scope="module")
def bundle(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("bundle") / "many.seasoned"
    model[0].save(path)
    return path


def judged(model, bundle, folder):
    """What a process of its own makes of each file: refused, equal, different, or an error from predicting."""
    model[1].to_feather(bundle.with_name("X.arrow"))
    arguments = [bundle.with_name("X.arrow"), bundle, folder]
    command = [sys.executable, "-c", JUDGE, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, f"{run.returncode}: {run.stdout[-200:]}\n{run.stderr[-2000:]}"
    return dict(line.split() for line in run.stdout.splitlines())


def test_saved_with_its_rows_and_loaded_bit_by_bit(model, bundle):
    loaded = load(bundle)
    np.testing.assert_array_equal(loaded.predict_proba(model[1]), model[0].predict_proba(model[1]))
    assert len(loaded.rows_) == 20
    assert loaded.rows_.equals(model[0].rows_)


def test_byte_flips_and_truncations(model, bundle, tmp_path):
    data = bundle.read_bytes()
    rng = np.random.default_rng(0)
    for index, position in enumerate([*rng.integers(0, len(data), 30), *range(len(data) - 30, len(data), 5)]):
        changed = bytearray(data)
        changed[position] ^= 1 << rng.integers(8)
        (tmp_path / f"flip-{index}").write_bytes(changed)
    for index, length in enumerate(rng.integers(0, len(data), 20)):
        (tmp_path / f"cut-{index}").write_bytes(data[:length])
    found = judged(model, bundle, tmp_path)
    assert len(found) == 56
    assert set(found.values()) <= {"refused", "equal"}
    assert all(found[f"cut-{index}"] == "refused" for index in range(20))


def member_of(manifest, name):
    return f"model-{[about['name'] for about in manifest['members']].index(name)}"


def flip_in_model(name, place):
    def change(manifest, members):
        data = bytearray(members[member_of(manifest, name)])
        data[int(place * len(data))] ^= 4
        members[member_of(manifest, name)] = bytes(data)

    return change


def swap_models(manifest, members):
    first, second = member_of(manifest, "linear"), member_of(manifest, "forest")
    members[first], members[second] = members[second], members[first]


def huge_levels(manifest, members):
    plan = json.loads(members["plan.json"])
    plan["dense"]["levels"][0] = 10**12
    members["plan.json"] = json.dumps(plan).encode()


def fewer_columns(manifest, members):
    plan = json.loads(members["plan.json"])
    plan["schema"].pop(0)
    plan["encoders"].pop(0)
    members["plan.json"] = json.dumps(plan).encode()


def heavy_weight(manifest, members):
    manifest["members"][0]["weight"] = 5.0


def third_class(manifest, members):
    manifest["classes"]["values"].append("maybe")


def inner_bomb(manifest, members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(10**8))
    members[member_of(manifest, "forest")] = buffer.getvalue()


def covered_bomb(manifest, members):
    """With a byte in front it is still an archive to those who look for its end."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", bytes(10**8))
    members[member_of(manifest, "linear")] = b"X" + buffer.getvalue()


def line_of_three_classes(manifest, members):
    name = member_of(manifest, "linear")
    line = skops_file.load(members[name])
    line.classes_ = np.arange(3)
    line.coef_ = np.repeat(line.coef_, 3, axis=0)
    line.intercept_ = np.repeat(line.intercept_, 3)
    members[name] = skops_file.dump(line)


FORGED = {
    "covered": covered_bomb,
    "three": line_of_three_classes,
    "swapped": swap_models,
    "levels": huge_levels,
    "columns": fewer_columns,
    "weight": heavy_weight,
    "class": third_class,
    "bomb": inner_bomb,
    "task": lambda manifest, members: manifest.update(task="regression"),
    "estimator": lambda manifest, members: manifest["about"].update(estimator=["os.system"]),
    "parameters": lambda manifest, members: manifest["about"].update(parameters={"trust": 1}),
    "members": lambda manifest, members: manifest.update(members=[{"name": "oracle"}]),
    "nesting": lambda manifest, members: members.update({"plan.json": b"[" * 10**5}),
    "about": lambda manifest, members: manifest.update(about=None),
}


def test_forged_bundles_whose_hashes_are_right(model, bundle, tmp_path):
    for name, change in FORGED.items():
        forged(bundle, tmp_path / name, change)
    assert judged(model, bundle, tmp_path) == dict.fromkeys(FORGED, "refused")


def test_text_as_older_versions_kept_it_is_refused_in_one_sentence(bundle, tmp_path):
    def older(manifest, members):
        name = next(name for name in members if name.startswith("text-"))
        members[name.replace(".npz", ".skops")] = members.pop(name)

    forged(bundle, tmp_path / "older.seasoned", older)
    with pytest.raises(InvalidInput, match="stored in a format that this version no longer reads; fit again"):
        load(tmp_path / "older.seasoned")


@pytest.mark.slow
def test_models_whose_bytes_were_changed_cannot_crash_the_process(model, bundle, tmp_path):
    """Who mends the hashes may change predictions, which only a key prevents, but not crash anything."""
    families = [member.name for member in model[0].fitted_.members]
    for family in families:
        for place in (0.1, 0.3, 0.5, 0.7, 0.9):
            forged(bundle, tmp_path / f"{family}-{place}", flip_in_model(family, place))
    found = judged(model, bundle, tmp_path)
    assert len(found) == 5 * len(families)
    assert set(found.values()) <= {"refused", "equal", "different"}


def raw(path, entries, tail=b"", copies=1):
    """A zip written by hand: one local header, and `copies` of its line in the directory."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
        start = archive.start_dir
    data = path.read_bytes()
    directory = data[start:-22] * copies + tail
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, len(directory), start, 0)
    path.write_bytes(data[:start] + directory + end)


def rezipped(bundle, path, extra=(), without=(), attributes=0):
    """The bundle's own members, unchanged, with others beside them or fewer of them."""
    with zipfile.ZipFile(bundle) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            if info.filename not in without:
                new.writestr(info, old.read(info))
        for name, data in extra:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, attributes << 16
            new.writestr(info, data)
    return path


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"extra": [("../evil", b"x")]}, r"a member called '\.\./evil'"),
        ({"extra": [("/etc/evil", b"x")]}, "a member called"),
        ({"extra": [("folder/", b"")]}, "a member called"),
        ({"extra": [("link", b"/etc/passwd")], "attributes": 0o120777}, "no plain file"),
        ({"extra": [("more", b"x")]}, "not those of its manifest"),
        ({"without": ["plan.json"]}, "not those of its manifest"),
        ({"without": ["manifest.json"]}, "manifest.json"),
        ({"extra": [(f"m{index}", b"") for index in range(3000)]}, "more members"),
    ],
)
def test_zips_that_are_no_bundle(bundle, tmp_path, options, sentence):
    with pytest.raises(InvalidInput, match=sentence):
        load(rezipped(bundle, tmp_path / "zip", **options))


def test_a_zip_that_unpacks_to_too_much_for_its_size(bundle, tmp_path, monkeypatch):
    with zipfile.ZipFile(bundle) as archive:
        own = sum(member.file_size for member in archive.infolist())
    size = bundle.stat().st_size
    path = rezipped(bundle, tmp_path / "zip", extra=[("zeros", bytes(4 * size))])
    monkeypatch.setattr(zip_container, "FREE_UNPACKED_BYTES", own)
    monkeypatch.setattr(zip_container, "MAX_RATIO", 2)
    with pytest.raises(InvalidInput, match="unpacks to"):
        load(path)


def test_a_member_that_is_there_twice(bundle, tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        rezipped(bundle, tmp_path / "zip", extra=[("plan.json", b"{}")])
    with pytest.raises(InvalidInput, match="twice"):
        load(tmp_path / "zip")


def test_a_million_members_are_refused_before_anybody_lists_them(tmp_path, monkeypatch):
    raw(tmp_path / "zip", [("manifest.json", b"{}")], copies=10**6)
    monkeypatch.setattr(zip_container.zipfile, "ZipFile", lambda *_: pytest.fail("its directory was read"))
    with pytest.raises(InvalidInput, match="more members"):
        load(tmp_path / "zip")


def test_a_directory_elsewhere_is_refused(tmp_path):
    raw(tmp_path / "zip", [("manifest.json", b"{}")], tail=b"PK\x06\x07" + bytes(16))
    with pytest.raises(InvalidInput, match="damaged"):
        load(tmp_path / "zip")


def test_a_member_that_declares_less_than_it_holds(bundle, tmp_path):
    path = rezipped(bundle, tmp_path / "zip", extra=[("zeros", bytes(10**7))])
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<I", 10**7), struct.pack("<I", 10)))
    with pytest.raises(InvalidInput):
        load(path)


@pytest.mark.parametrize(
    ("saved", "loaded", "sentence"),
    [
        ("secret", "secret", None),
        (b"secret", "secret", None),
        ("secret", "Secret", "the key does not fit"),
        ("secret", None, "was saved with a key"),
        (None, "secret", "was saved without a key"),
        ("", None, "key is empty"),
        (5, None, "key is of type int"),
    ],
)
def test_keys(model, tmp_path, saved, loaded, sentence):
    path = tmp_path / "signed"
    if sentence is None:
        model[0].save(path, key=saved)
        np.testing.assert_array_equal(load(path, key=loaded).predict_proba(model[1]), model[0].predict_proba(model[1]))
        return
    with pytest.raises(InvalidInput, match=sentence):  # noqa: PT012 - either of the two may refuse the key
        model[0].save(path, key=saved)
        load(path, key=loaded)


def test_a_key_finds_malice(model, bundle, tmp_path):
    path = tmp_path / "signed"
    model[0].save(path, key="secret")
    for key in (None, "another"):
        forged(bundle, path, lambda manifest, members: manifest["classes"]["values"].reverse(), key)
        with pytest.raises(InvalidInput, match="key"):
            load(path, key="secret")


def under_other_versions(manifest, members):
    manifest["packages"]["scikit-learn"] = "1.2.3"


def test_under_another_version_the_rows_must_agree(model, bundle, tmp_path):
    loaded = load(forged(bundle, tmp_path / "old", under_other_versions))
    np.testing.assert_array_equal(loaded.predict_proba(model[1]), model[0].predict_proba(model[1]))

    def other_predictions(manifest, members):
        under_other_versions(manifest, members)
        rows = json.loads(members["rows.json"])
        rows["predictions"][3][0] += 1e-3
        members["rows.json"] = json.dumps(rows).encode()

    with pytest.raises(InvalidInput, match=r"saved with scikit-learn 1\.2\.3 \(here .*20 stored rows differ by 0\.001"):
        load(forged(bundle, tmp_path / "old", other_predictions))

    def no_rows(manifest, members):
        under_other_versions(manifest, members)
        del members["rows.json"]

    with pytest.raises(InvalidInput, match="no rows to compare"):
        load(forged(bundle, tmp_path / "old", no_rows))


def test_a_patch_release_is_not_another_version(bundle, tmp_path):
    def patched(manifest, members):
        major, minor, *_ = manifest["packages"]["scikit-learn"].split(".")
        manifest["packages"]["scikit-learn"] = f"{major}.{minor}.99"
        del members["rows.json"]

    assert load(forged(bundle, tmp_path / "patched", patched)).rows_ is None


def test_a_file_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    path = tmp_path / "m.seasoned"
    path.touch()

    def refused(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(InvalidInput, match=r"m\.seasoned' cannot be read \(Permission denied\)"):
        load(path)
