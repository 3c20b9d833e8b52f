"""How Sphinx builds these pages."""

from importlib.metadata import version as installed_version

project = "PypeLine"
author = "The PypeLine developers"
copyright = "The PypeLine developers"
version = release = installed_version("pypeline")

extensions = ["myst_parser", "sphinx_copybutton"]
exclude_patterns = ["_build"]
suppress_warnings = ["myst.strikethrough"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"PypeLine {release}"
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
