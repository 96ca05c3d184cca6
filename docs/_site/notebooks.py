"""Run the notebooks of the cookbook, and store what comes of it in them."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient

COOKBOOK = Path(__file__).parents[2] / "cookbook"

for path in sorted(COOKBOOK.glob("*.ipynb")):
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(COOKBOOK)}}
    NotebookClient(notebook, record_timing=False, resources=where).execute()
    for cell in notebook.cells:
        for counted in (cell, *cell.get("outputs", [])):
            if "execution_count" in counted:
                counted.execution_count = None
    nbformat.write(notebook, path)
