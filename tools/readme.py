"""Writes README.md from nbs/index.ipynb, through nbconvert's Markdown exporter."""
import posixpath
import re
from pathlib import Path

import nbformat
from nbconvert import MarkdownExporter

INDEX, README, PICTURES = "nbs/index.ipynb", "README.md", "nbs/images/index_{index}{extension}"
NOTE = "<!-- Written from nbs/index.ipynb by `python make.py refresh index`: edit the notebook. -->\n"
HIDDEN = re.compile(r"^#\|\s*(hide|default_exp)\b", re.M)
LINK = re.compile(r"(\]\()(?!\w+:|[#/])([^)\s]+)")  # ](target of a Markdown link, unless absolute


def from_root(match):
    """A link from nbs/ as a link from the top folder."""
    return match[1] + posixpath.normpath(posixpath.join("nbs", match[2]))


def readme_files(root):
    """What the index makes: path from `root` to content, README.md and the pictures that its cells draw."""
    notebook = nbformat.read(Path(root) / INDEX, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if not (cell.cell_type == "code" and HIDDEN.search(cell.source))]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
            cell.metadata["transient"] = {"remove_source": folded}
            cell.source = re.sub(r"^#\|.*\n?", "", cell.source, flags=re.M)
    notebook.metadata["language_info"] = {"name": "python"}  # for the fences; `nbdev_clean` drops it
    text, resources = MarkdownExporter().from_notebook_node(notebook)
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    for alt in [output["metadata"]["image/png"]["alt"] for output in outputs if "image/png" in output.get("data", {})]:
        text = text.replace("![png]", f"![{alt}]", 1)
    files = {}
    for index, (name, content) in enumerate(sorted(resources["outputs"].items()), start=1):
        picture = PICTURES.format(index=index, extension=Path(name).suffix)
        text = text.replace(f"]({name})", f"]({posixpath.relpath(picture, 'nbs')})")
        files[picture] = content
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+$", "", LINK.sub(from_root, text), flags=re.M)).strip()
    return {README: f"{NOTE}\n{text}\n".encode(), **files}


def write_readme(root):
    """Write README.md and its pictures; pictures that the index no longer draws go."""
    files = readme_files(root)
    for old in Path(root).glob(PICTURES.format(index="*", extension="")):
        if old.relative_to(root).as_posix() not in files:
            old.unlink()
    for name, content in files.items():
        path = Path(root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
