import gzip
import io
import json
import tracemalloc
from pathlib import Path

import pytest

from adapters.kubernetes import documents
from adapters.kubernetes.documents import read_documents
from domain.errors import InputError
from tests.unit.kubernetes.kube import make_node, make_pod


def names(data: bytes) -> list[str]:
    return [obj["metadata"]["name"] for obj in read_documents(["-"], stdin=io.BytesIO(data))]


def as_list(*objects: object, kind: str = "List") -> bytes:
    return json.dumps({"apiVersion": "v1", "items": objects, "kind": kind}, indent=4).encode()


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        names(data)
    return caught.value


def test_a_list_of_many_kinds_gives_its_items() -> None:
    assert names(as_list(make_node("n"), make_pod("p"))) == ["n", "p"]


def test_items_of_a_typed_list_take_the_kind_of_the_list_wherever_it_stands() -> None:
    bare = {"metadata": {"name": "p"}}
    for text in (as_list(bare, kind="PodList"), json.dumps({"kind": "PodList", "items": [bare]}).encode()):
        assert [obj["kind"] for obj in read_documents(["-"], stdin=io.BytesIO(text))] == ["Pod"]


def test_a_single_object_an_array_and_several_documents_are_read() -> None:
    one, two = json.dumps(make_pod("one")), json.dumps(make_pod("two"))
    assert names(one.encode()) == ["one"]
    assert names(f"[{one}, {two}]".encode()) == ["one", "two"]
    assert names(f"{one}\n{two}{one}".encode()) == ["one", "two", "one"]


def test_an_empty_list_gives_nothing() -> None:
    assert names(b'{"kind": "List", "items": []}') == []


def test_several_files_are_read_in_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        (tmp_path / name).write_text(json.dumps(make_pod(name)))
    read = read_documents([tmp_path / "b", str(tmp_path / "a")])
    assert [obj["metadata"]["name"] for obj in read] == ["b", "a"]


def test_gzip_is_recognised_by_its_bytes_not_its_name(tmp_path: Path) -> None:
    file = tmp_path / "dump.json"
    file.write_bytes(gzip.compress(as_list(make_pod("p"))))
    assert len(read_documents([file])) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_of_windows_shells_are_understood(encoding: str) -> None:
    assert names(as_list(make_pod("p")).decode().encode(encoding)) == ["p"]


@pytest.mark.parametrize("window", [1, 2, 7, 64, 1000])
def test_the_size_of_the_window_changes_nothing(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_WINDOW_CHARS", window)
    text = b'{"n": 12345678901234567890, "kind": "X", "metadata": {"name": "first"}}' + as_list(
        make_node("n"), make_pod("größe"), make_pod("p" * 3000)
    )
    assert names(text) == ["first", "n", "größe", "p" * 3000]


@pytest.mark.parametrize("window", [1, 50, 4 << 20])
def test_a_syntax_error_is_named_by_line_and_column(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_WINDOW_CHARS", window)
    error = refusal(b'{"kind": "List",\n "items": [\n  {"kind": "Pod"},\n  {"kind": oops}\n]}')
    assert (error.obj, error.field) == ("standard input", "line 4 column 12")
    assert "not JSON" in error.problem


def test_yaml_is_refused_at_its_first_character() -> None:
    error = refusal(b"apiVersion: v1\nitems:\n- kind: Pod\n")
    assert error.field == "line 1 column 1"
    assert "-o json" in error.problem


@pytest.mark.parametrize(
    "text",
    [
        b'{"kind": "List", "items": [{"kind": "Pod"}',
        b'{"kind": "List", "items": [',
        b'{"kind": "Pod", "metadata": {"na',
        b'{"kind": "Pod"',
        b"{",
        b"[",
    ],
)
def test_a_text_cut_short_is_refused(text: bytes) -> None:
    assert "ends too early" in refusal(text).problem


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b"", "empty"),
        (b" \n\t", "empty"),
        (b"42", "42"),
        (b'"text"', "text"),
        (b"null", "None"),
        (b'{"kind": "List", "items": [3]}', "items[0]"),
        (b"[[]]", "[0]"),
        (b'{"metadata": {"name": "p"}}', "kind"),
        (b"{}", "kind"),
        (b'{"kind": 7}', "kind"),
        (b'{"items": [{"metadata": {}}]}', "items[0].kind"),
        (b'[{"metadata": {}}]', "[0].kind"),
        (b'{"kind": "Pod", "spec": NaN}', "NaN"),
        (b'{"kind": "Pod" "spec": {}}', "expected , or }"),
        (b'{"kind" "Pod"}', "expected :"),
        (b"{kind: 1}", 'expected "'),
        (b'{"kind": "Pod"} trailing', "line 1 column 17"),
        (b'{"kind": "Pod", "x": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"kind": "Pod", "x": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b'{"kind": "Pod", "x": "\xff"}', "not text"),
        (b"\x1f\x8b\x08\x00truncated", "damaged gzip"),
    ],
)
def test_what_is_no_kubernetes_object_is_refused_with_a_word(text: bytes, word: str) -> None:
    assert word in str(refusal(text))


def test_a_member_named_items_that_is_no_list_belongs_to_an_object() -> None:
    assert names(b'{"kind": "Backup", "items": {"a": 1}, "metadata": {"name": "b"}}') == ["b"]


@pytest.mark.parametrize("text", [b'{"kind": "List", "items": {"a": 1}}', b'{"kind": "PodList"}'])
def test_a_list_whose_items_are_no_list_is_refused(text: bytes) -> None:
    assert "items: must be a list of objects" in str(refusal(text))


def test_a_stream_stays_open_for_its_owner() -> None:
    stream = io.BytesIO(gzip.compress(as_list(make_pod("p"))))
    read_documents(["-"], stdin=stream)
    assert not stream.closed


def test_standard_input_named_twice_is_refused_as_empty() -> None:
    with pytest.raises(InputError, match="is empty"):
        read_documents(["-", "-"], stdin=io.BytesIO(as_list(make_pod("p"))))


def test_an_error_answer_of_the_api_server_is_told() -> None:
    error = refusal(b'{"kind": "Status", "status": "Failure", "message": "pods is forbidden"}')
    assert "pods is forbidden" in error.problem


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dump.json.gz"
    file.write_bytes(gzip.compress(as_list(make_pod("p")))[:-20])
    with pytest.raises(InputError, match="damaged gzip"):
        read_documents([file])


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: cannot be read"):
        read_documents([tmp_path / "missing.json"])
    with pytest.raises(InputError, match="cannot be read"):
        read_documents([tmp_path])


def test_a_long_list_is_never_held_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_WINDOW_CHARS", 64 << 10)
    ballast = make_pod("p") | {"metadata": {"name": "p", "managedFields": ["x" * 20_000]}}
    text = as_list(*[ballast] * 600)
    tracemalloc.start()
    try:
        assert len(read_documents(["-"], stdin=io.BytesIO(text))) == 600
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(text) > 12_000_000
    # BytesIO shares the text; what comes on top is the window and the objects that are kept.
    assert peak < len(text) / 4, f"{peak} bytes for a text of {len(text)}"


def test_what_planning_never_reads_is_dropped_and_the_rest_is_kept() -> None:
    pod = make_pod("p", annotations={"karpenter.sh/do-not-disrupt": "true", "note": "x" * 1000})
    pod["metadata"]["managedFields"] = [{"manager": "kubectl"}]
    pod["spec"]["containers"][0]["env"] = [{"name": "A", "value": "b"}]
    pod["spec"]["volumes"] = [{"name": "v", "configMap": {}}, {"persistentVolumeClaim": {"claimName": "c"}}]
    (kept,) = read_documents(["-"], stdin=io.BytesIO(json.dumps(pod).encode()))
    assert kept["metadata"]["annotations"] == {"karpenter.sh/do-not-disrupt": "true"}
    assert "managedFields" not in kept["metadata"]
    assert kept["spec"]["containers"] == [{"name": "main", "resources": {"requests": {"cpu": "1", "memory": "1Gi"}}}]
    assert kept["spec"]["volumes"] == [{"name": "v"}, {"persistentVolumeClaim": {"claimName": "c"}}]
