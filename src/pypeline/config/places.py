"""Where the configuration is, and which folder its handlers are imported from."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

from pypeline.errors import ConfigurationNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pypeline.config.settings import Settings

_PACKAGE_VARIABLES = ("SERMOS_CLIENT_PKG_NAME", "PYPELINE_CLIENT_PKG_NAME")


def find_config(settings: Settings, given: Path | None = None) -> Path:
    """
    The path of ``sermos.yaml``: as given, else ``PYPELINE_CONFIG``, else in the client package, else here.

    One that is named is the only place that is looked at. Raises ConfigurationNotFound.
    """
    places = list(_places(settings, given))
    for place in places:
        if place.is_file():
            return place
    raise ConfigurationNotFound(places)


def folder_of(path: Path, env: Mapping[str, str]) -> Path:
    """The folder to import from: above the package that the file is in, else the file's own."""
    folder = path.resolve().parent
    for name in filter(None, map(env.get, _PACKAGE_VARIABLES)):
        parts = tuple(_module(name).split("."))
        for inside in (folder, *folder.parents):
            if inside.parts[-len(parts) :] == parts:
                return inside.parents[len(parts) - 1]
    while (folder / "__init__.py").is_file():
        folder = folder.parent
    return folder


def _places(settings: Settings, given: Path | None) -> Iterator[Path]:
    # A path is shown as it was written where that is the same file.
    here = Path() if settings.folder == Path.cwd() else settings.folder
    named = given or settings.config
    if named is not None:
        yield here / named
        return
    if settings.client_package is not None:
        for folder in _package_folders(settings.client_package, here):
            yield folder / settings.yaml_path
    yield here / "sermos.yaml"


def _package_folders(package: str, folder: Path) -> Iterator[Path]:
    """Where the package is, beside the working folder or installed, without importing it."""
    top, *rest = _module(package).split(".")
    yield folder.joinpath(top, *rest)
    yield folder.joinpath("src", top, *rest)
    spec = PathFinder.find_spec(top, sys.path)
    for place in (spec and spec.submodule_search_locations) or ():
        yield Path(place).joinpath(*rest)


def _module(package: str) -> str:
    return package.replace("-", "_")
