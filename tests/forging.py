"""Bundles as a stranger may write them: any content, with every hash made right."""

from __future__ import annotations

import json

import pytest

from seasoned.tabular.safe_files import zip_container


def forged(bundle, path, change, key=None):
    """The bundle with its content changed and every hash mended."""
    manifest, members = zip_container.unpack(bundle, None)
    change(manifest, members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zip_container, "MAX_RATIO", 10**6)  # a stranger's writer refuses nothing
        path.write_bytes(zip_container.pack(manifest, members, key))
    return path


def in_json(member, change):
    """A change for `forged`: of a JSON member's content, in place."""

    def changed(_, members):
        found = json.loads(members[member])
        change(found)
        members[member] = json.dumps(found).encode()

    return changed
