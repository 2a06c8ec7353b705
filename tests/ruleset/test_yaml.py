"""YAML is read strictly: text with places, nothing that surprises, nothing without bounds."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from ebbwatch.ruleset.findings import Findings
from ebbwatch.ruleset.kinds import plain
from ebbwatch.ruleset.nodes import Mapping, Scalar
from ebbwatch.ruleset.places import offsets_of
from ebbwatch.ruleset.yaml import DEPTH_LIMIT, SIZE_LIMIT_BYTES, read_yaml


def read(text: str | bytes) -> object:
    """Return a file as plain data, and fail where it has problems."""
    findings = Findings()
    node = read_yaml("a.yaml", text, findings)
    assert findings.problems() == ()
    return None if node is None else plain(node)


def refused(text: str | bytes) -> list[tuple[str, int, int]]:
    """Return code, line and column of the problems of a file."""
    findings = Findings()
    read_yaml("a.yaml", text, findings)
    return [(p.code, p.span.line, p.span.column) for p in findings.problems()]


@pytest.mark.parametrize(
    "word",
    ["on", "off", "no", "yes", "y", "08:00", "1_000", "0o17", "017", "0x1f", "1e3", "12:30:45",
     "2025-10-31", "2018-04-02T00:00:00Z", ".inf", "+1", "=", "0.10", "true", "5"],
)  # fmt: skip
def test_a_plain_word_stays_what_was_written(word: str) -> None:
    """No word turns into a number, a date, a truth value or a count of seconds."""
    assert read(f"a: {word}\n") == {"a": word}


@pytest.mark.parametrize("word", ["", "~", "null", "Null", "NULL"])
def test_no_value_is_no_text(word: str) -> None:
    """What YAML 1.2 calls null is no value; in quotes it is text."""
    assert read(f"a: {word}\n") == {"a": None}
    assert read(f"a: '{word}'\n") == {"a": word}


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "--- \n...\n", "\ufeff", "~\n"])
def test_an_empty_file_says_nothing(text: str) -> None:
    """A file of comments is not wrong."""
    assert read(text) is None


def test_a_byte_order_mark_and_windows_line_ends_are_taken() -> None:
    """Files from Windows editors are read, and places in them are right."""
    assert read("\ufeffa: b\r\nc: d\r\n") == {"a": "b", "c": "d"}
    assert read("\ufeffa: b\r\n".encode()) == {"a": "b"}
    assert refused("\ufeffa: b\r\na: d\r\n") == [("duplicate-key", 2, 1)]


def test_line_separators_of_unicode_do_not_shift_lines() -> None:
    """A line is what editors count as one, though YAML breaks lines at U+2028 as well."""
    assert refused("a: 'x\u2028y'\nb: c\nb: d\n") == [("duplicate-key", 3, 1)]


HOSTILE = [
    ("a billion laughs", "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "alias"),
    ("an alias of itself", "a: &a [*a]\n", "alias"),
    ("a tag that runs code", "!!python/object/apply:os.system [ls]\n", "tag"),
    ("a tag of one's own", "a: !secret x\n", "tag"),
    ("deep lists", "[" * 5_000, "yaml-bounds"),
    ("deep maps", "{a: " * 5_000, "yaml-bounds"),
    ("deep blocks", "".join(f"{' ' * i}a:\n" for i in range(2_000)), "yaml-bounds"),
    ("a merge key", "<<: {a: b}\n", "merge-key"),
    ("many documents", "---\n" * 10_000, "yaml-bounds"),
    ("a null byte", "a: \0\n", "control-character"),
    ("an escape sequence", "a: \x1b[31mred\n", "control-character"),
    ("a surrogate", "a: \ud800\n", "control-character"),
    ("a right-to-left override", "a: \u202e\n", "control-character"),
    ("bytes that are no UTF-8", b"a: \xff\n", "encoding"),
    ("UTF-16", "a: b\n".encode("utf-16"), "encoding"),
    ("a cut character", "a: 準".encode()[:-1], "encoding"),
    ("too many bytes", b"#" * (SIZE_LIMIT_BYTES + 1), "too-large"),
    ("a percent sign at the start", "%\n", "yaml-syntax"),
    ("only an indicator", "?", None),
    ("only brackets", "]", "yaml-syntax"),
    ("a map as key", "? {a: b}\n: c\n", "yaml-key"),
    ("a long plain key without an end", "a" * 2_000 + ": b\n", "yaml-syntax"),
]


@pytest.mark.parametrize(("text", "code"), [pytest.param(t, c, id=n) for n, t, c in HOSTILE])
def test_hostile_yaml_is_a_problem_and_no_crash(text: str | bytes, code: str | None) -> None:
    """Whatever stands in a file ends in problems, at once."""
    found = [code for code, _, _ in refused(text)]
    assert code in found if code else found == []


def test_depth_is_bounded_exactly() -> None:
    """The deepest file that is read is one short of the first that is refused."""
    assert read("[" * DEPTH_LIMIT + "]" * DEPTH_LIMIT) is not None
    deeper = DEPTH_LIMIT + 1
    assert refused("[" * deeper + "]" * deeper) == [("yaml-bounds", 1, deeper)]


def test_the_number_of_pieces_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading stops at the first piece too many."""
    monkeypatch.setattr("ebbwatch.ruleset.yaml.NODE_LIMIT", 3)
    assert read("[a, b]") == ["a", "b"]
    assert refused("[a, b, c]") == [("yaml-bounds", 1, 9)]


def test_the_second_of_two_keys_is_left_out() -> None:
    """What stands twice is told, and the first one counts for what follows."""
    findings = Findings()
    node = read_yaml("a.yaml", "a: b\na: c\n", findings)
    assert node is not None
    assert plain(node) == {"a": "b"}


@given(st.text(max_size=60))
@settings(max_examples=400, deadline=None)
def test_no_text_crashes_the_reader(text: str) -> None:
    """Any text gives a tree or problems."""
    findings = Findings()
    read_yaml("a.yaml", text, findings)
    for problem in findings.problems():
        assert problem.render()


# ---- places --------------------------------------------------------------------------

_VALUES = st.text(alphabet="ab'\"\\ \n\t{}[]:,#&*!|>%@`-_準€𝄞", min_size=1, max_size=40)


@given(_VALUES, st.sampled_from(["'", '"', None, "|", ">"]), st.integers(8, 80))
@settings(max_examples=600, deadline=None)
def test_each_character_is_found_where_it_stands(value: str, style: str | None, width: int) -> None:
    """In every style, folded or not, a character's place holds that character."""
    text = yaml.dump({"k": value}, default_style=style, width=width, allow_unicode=True)
    findings = Findings()
    root = read_yaml("a.yaml", text, findings)
    if findings.failed or not isinstance(root, Mapping):
        return
    node = root.entries[0][1]
    assert isinstance(node, Scalar)
    raw = node.source.text[node.start : node.end]
    offsets = offsets_of(raw, node.text, node.style)
    assert len(offsets) == len(node.text) + 1
    assert offsets == sorted(offsets)
    for character, offset in zip(node.text, offsets, strict=False):
        if not character.isspace():
            assert raw[offset] == character or raw[offset] == "\\"


FILLED = [
    ("{a} - b", {"a": "sofr"}, "sofr - b", "b", "b"),
    ("{a} - b", {"a": "sofr"}, "sofr - b", "sofr", "{a}"),
    ("x{a}{b}y", {"a": "", "b": "long"}, "xlongy", "y", "y"),
    ("{a} {a} z", {"a": "q"}, "q q z", "z", "z"),
    ("{a} {a} z", {"a": "q"}, "q q z", "q q", "{a} {a}"),
    ("a {a}b", {"a": "q"}, "a qb", "a q", "a {a}"),
    ("xx{a}", {"a": "q"}, "xxq", "xx", "xx"),
    ("{a}-{n} z", {"a": "q"}, "q-{n} z", "z", "z"),
]


@pytest.mark.parametrize(("template", "values", "text", "part", "written"), FILLED)
def test_a_filled_text_is_found_in_its_template(
    template: str, values: dict[str, str], text: str, part: str, written: str
) -> None:
    """What was filled in points at its variable, what stands beside it at itself."""
    root = read_yaml("a.yaml", f'k: "{template}"\n', Findings())
    assert isinstance(root, Mapping)
    node = root.filled(values).entries[0][1]
    assert isinstance(node, Scalar)
    assert node.text == text
    start = text.index(part)
    place = node.part(start, start + len(part))
    assert place.source.text[place.start : place.end] == written
