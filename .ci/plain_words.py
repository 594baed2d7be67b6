"""Count words that make text hard to read, in pages and in the source's strings and comments; the counts may only fall.

`.ci/plain-words.txt` has the number that each place is still allowed; what it does not list is 0. A larger number fails
with every line that has the word, a smaller one until `--update` has written it. `--update` never raises a number.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
ALLOWED = ROOT / ".ci" / "plain-words.txt"
WORDS = {
    "told": "reported, printed, raised, logged",
    "whoever": "name the program or the person",
    "nobody": "no reader, no department; or drop the clause",
    "somebody": "name the program or the person",
    "errand": "download, request",
    "be it": "whether ... or ...",
    "stands on": "depends on",
}
"""Each with what to write in its place."""
_FORMS = {"errand": "errands?", "be it": r"be\s+it", "stands on": r"stands?\s+on"}
_PATTERNS = {word: re.compile(rf"\b{_FORMS.get(word, word)}\b", re.IGNORECASE) for word in WORDS}


def pages(root: Path) -> Iterator[tuple[str, Path]]:
    """Each page with the place that its words count for: itself. The changelog describes earlier versions."""
    for pattern in ("*.md", "docs/*.md", "packages/*/README.md", "departments/*/README.md"):
        for path in sorted(root.glob(pattern)):
            if path.name != "CHANGELOG.md":
                yield path.relative_to(root).as_posix(), path


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Each module with the place that its words count for: its member, since modules are renamed."""
    for pattern in ("packages/*/src", "departments/*/src"):
        for source in sorted(root.glob(pattern)):
            for path in sorted(source.rglob("*.py")):
                yield source.relative_to(root).as_posix(), path


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """What people read in a file, each text with its first line: of a module, strings and comments, not names."""
    content = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield 1, content
        return
    for node in ast.walk(ast.parse(content)):
        # A word alone that begins like the name of a class is one, in an annotation.
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not _is_class_name(node.value):
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(content).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def _is_class_name(text: str) -> bool:
    return text.isidentifier() and text[0].isupper()


def found(root: Path) -> dict[tuple[str, str], list[str]]:
    """For each place and word, the lines that have it as `file:line`."""
    lines: dict[tuple[str, str], list[str]] = {}
    for place, path in (*pages(root), *modules(root)):
        for first, text in texts(path):
            for word, pattern in _PATTERNS.items():
                for match in pattern.finditer(text):
                    line = first + text.count("\n", 0, match.start())
                    lines.setdefault((place, word), []).append(f"{path.relative_to(root)}:{line}")
    return lines


def read(file: Path) -> dict[tuple[str, str], int]:
    """The allowed numbers; empty without the file."""
    rows = [line.split(maxsplit=2) for line in file.read_text().splitlines()] if file.exists() else []
    return {(place, word.replace("_", " ")): int(number) for number, word, place in rows}


def write(file: Path, numbers: dict[tuple[str, str], int]) -> None:
    """A line for each number above 0: number, word, place."""
    rows = [f"{number} {word.replace(' ', '_')} {place}" for (place, word), number in sorted(numbers.items()) if number]
    file.write_text("".join(f"{row}\n" for row in rows))


def main(arguments: list[str]) -> int:
    """Compare, or with `--update` lower the allowed numbers. Returns the exit status."""
    if arguments not in ([], ["--update"]):
        sys.stderr.write(f"expected no argument or --update, found {' '.join(arguments)}\n")
        return 2
    lines, allowed = found(ROOT), read(ALLOWED)
    if arguments:
        # Without the file these are the first numbers.
        limits = allowed if ALLOWED.exists() else {key: len(places) for key, places in lines.items()}
        allowed = {key: min(number, len(lines.get(key, ()))) for key, number in limits.items()}
        write(ALLOWED, allowed)
    status = 0
    for key in sorted(lines.keys() | allowed.keys()):
        places, number = lines.get(key, []), allowed.get(key, 0)
        place, word = key
        if len(places) > number:
            where = "".join(f"\n  {one}" for one in places)
            sys.stderr.write(
                f'{place}: expected "{word}" at most {number} times, found it {len(places)} times; '
                f"write instead: {WORDS[word]}{where}\n"
            )
            status = 1
        elif len(places) < number:
            sys.stderr.write(
                f'{place}: "{word}" occurs {len(places)} times, and {number} are still allowed; '
                "run `python .ci/plain_words.py --update` and commit .ci/plain-words.txt\n"
            )
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
