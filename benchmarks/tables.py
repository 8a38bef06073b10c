"""Tables in Markdown, and their place in benchmarks/README.md."""
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "benchmarks" / "README.md"


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(entry).replace("|", "\\|") for entry in line) + " |" for line in lines)


def write(script, text):
    """Put the text between the marks of a script, such as "losses.py"."""
    begin, end = (f"<!-- written by benchmarks/{script}: {mark} -->" for mark in ("begin", "end"))
    before, rest = README.read_text(encoding="utf-8").split(begin)
    README.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")
    print(f"{README.relative_to(ROOT)} is written anew")
