"""Listing a folder that no link leads out of."""

from __future__ import annotations

import pytest

from listings import grow
from pypeline.errors import InvalidInput, PlaceNotFound
from pypeline.generators import LocalKeyGenerator
from pypeline.generators.confined import ConfinedKeyGenerator


@pytest.fixture
def root(tmp_path):
    grow(tmp_path, {"root/in/a.txt": 1, "root/b.txt": 1, "outside/secret.txt": 1, "root-too/c.txt": 1})
    return tmp_path / "root"


def listed(root, prefix="", **options):
    with ConfinedKeyGenerator() as generator:
        return generator.list_files(root, prefix, return_full_path=False, **options)


def test_what_lies_beneath_is_listed_as_ever(root):
    with LocalKeyGenerator() as plain:
        assert listed(root, recursive=True) == plain.list_files(root, recursive=True, return_full_path=False)
    assert listed(root, "in/") == ["in/a.txt"]


def test_links_within_the_folder_are_followed(root):
    (root / "link").symlink_to(root / "in")
    (root / "in" / "b.txt").symlink_to("../b.txt")

    assert listed(root, "link/") == ["link/a.txt", "link/b.txt"]


def test_the_folder_itself_may_be_a_link(root, tmp_path):
    (tmp_path / "alias").symlink_to(root)

    assert listed(tmp_path / "alias", "in/") == ["in/a.txt"]


@pytest.mark.parametrize("target", ["../outside", "../root-too", ".."])
def test_a_folder_that_leads_out_is_refused(root, target):
    (root / "link").symlink_to(target)

    with pytest.raises(InvalidInput, match=r"'link' beneath .*/root: a link leads out of the folder"):
        listed(root, "link/")


def test_a_folder_that_leads_out_in_the_middle_is_refused(root, tmp_path):
    grow(tmp_path, {"outside/deep/x.txt": 1})
    (root / "link").symlink_to(tmp_path / "outside")

    with pytest.raises(InvalidInput, match="leads out"):
        listed(root, "link/deep/")


def test_a_file_that_leads_out_is_refused(root):
    (root / "in" / "z.txt").symlink_to("../../outside/secret.txt")

    with pytest.raises(InvalidInput, match=r"'in/z\.txt' beneath .*: a link leads out of the folder"):
        listed(root, recursive=True)


def test_a_file_that_leads_out_and_is_not_wanted_harms_nobody(root):
    (root / "in" / "z.md").symlink_to("../../outside/secret.txt")

    assert listed(root, "in/", pattern="*.txt") == ["in/a.txt"]


def test_a_folder_that_is_not_there_is_not_found(root):
    with pytest.raises(PlaceNotFound):
        listed(root, "nowhere/")


@pytest.mark.parametrize("prefix", ["../outside/", "/etc/", "in/../../outside/", "a\0b/"])
def test_names_that_lead_out_are_refused_before_anything_is_looked_at(prefix, root):
    with pytest.raises(InvalidInput):
        listed(root, prefix)
