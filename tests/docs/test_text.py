"""The project's text: links that lead somewhere, nothing unfinished, and no word of where it was written."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NOT_OURS = {"LICENSE"}
"""Text that is quoted as it is."""

UNWANTED = {
    "a note to oneself": re.compile(r"\b(TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b"),
    "a path of one machine": re.compile(r"(?<![\w.~}])/(work|root|Users|home/\w+)/\w"),
    "an issue by its bare number": re.compile(r"(?<![\w/&#])#\d+\b(?![.\w-])"),
    "an assistant": re.compile(r"\b(Clau[d]e|Chat[G]PT|Co[p]ilot|language mod[e]l|AI assist[a]nt)\b", re.IGNORECASE),
}
INDEX_HOST = re.compile(r"--(extra-)?index-url|--find-links|://")

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.MULTILINE)


def files_of(root: Path) -> list[Path]:
    """What git tracks or would track; without git, everything but what is hidden or built."""
    git = shutil.which("git")
    command = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run([git, *command], cwd=root, capture_output=True, text=True, check=False) if git else None
    if listed is not None and listed.returncode == 0:
        found = [root / name for name in listed.stdout.split("\0") if name]
    else:
        built = {"build", "dist", "__pycache__"}
        found = [
            file
            for file in root.rglob("*")
            if not any(part in built or part.startswith(".") for part in file.relative_to(root).parts)
        ]
    return sorted(file for file in found if file.is_file())


def text_of(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


def unwanted_in(text: str) -> list[str]:
    return [
        f"line {number}: {what}: {line.strip()[:120]}"
        for number, line in enumerate(text.splitlines(), start=1)
        for what, pattern in UNWANTED.items()
        if pattern.search(line)
    ]


def broken_links_in(page: Path) -> list[str]:
    """Relative links of a Markdown page that lead to no file, or to no heading of one."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    found = [match[1] or match[2] for match in LINK.finditer(text)]
    return [link for link in found if "://" not in link and not link.startswith("mailto:") and not leads_on(page, link)]


def leads_on(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors_of(target)


def anchors_of(page: Path) -> set[str]:
    """Anchors as GitHub makes them: lower case, punctuation dropped, spaces to hyphens."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


FILES = files_of(ROOT)


def test_without_git_what_is_built_or_hidden_is_left_out(tmp_path: Path) -> None:
    for name in ("page.md", "build/jar.md", ".venv/page.md", "docs/page.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    assert files_of(tmp_path) == [tmp_path / "docs" / "page.md", tmp_path / "page.md"]


def test_no_file_speaks_of_where_it_was_written_or_of_work_left_over() -> None:
    found = {
        str(file.relative_to(ROOT)): lines
        for file in FILES
        if file.name not in NOT_OURS and (lines := unwanted_in(text_of(file) or ""))
    }

    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        "# TO" + "DO: later",
        "see /wor" + "k/notes.md",
        "fixed in #" + "12",
        "as Clau" + "de suggested",
    ],
)
def test_what_is_unwanted_is_found(line: str) -> None:
    assert len(unwanted_in(line)) == 1


@pytest.mark.parametrize(
    "line",
    [
        "see https://github.com/apache/kafka/pull/7312#issuecomment-1",
        "&#" + "39; is an apostrophe",
        "colour: #" + "123abc",
        "../work/file, ${HOME}/work/x, networks, workers",
        "# 1. a heading",
    ],
)
def test_ordinary_text_is_left_in_peace(line: str) -> None:
    assert unwanted_in(line) == []


@pytest.mark.parametrize(
    "page", [file for file in FILES if file.suffix == ".md"], ids=lambda p: str(p.relative_to(ROOT))
)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    assert broken_links_in(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# P1 Nothing is lost!\n")
    page = tmp_path / "page.md"
    page.write_text(
        "[a](there.md) [b](there.md#p1-nothing-is-lost) [c](https://example.com) ![d](gone.png)\n"
        "[e](gone.md) [f](there.md#p2) [g](#gone)\n```\n[h](in-code.md)\n```\n"
    )

    assert broken_links_in(page) == ["gone.png", "gone.md", "there.md#p2", "#gone"]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-aws.lock", "requirements-dev.lock"])
def test_a_lock_names_no_host_and_hashes_every_package(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]

    assert INDEX_HOST.search(text) is None
    assert len(packages) > 0
    assert all(re.match(r"[\w.-]+==\S+ (; .+ )?\\$", line) for line in packages)
    assert all("--hash=sha256:" in block for block in re.split(r"\n(?=\S)", text.strip()))


def test_what_runs_is_the_same_for_developers() -> None:
    runtime, dev = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )

    assert runtime <= dev
