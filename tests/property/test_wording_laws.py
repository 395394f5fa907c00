"""Laws of the lines between daemon and agent: whatever the pieces, whatever lies between, each answer comes once."""

from __future__ import annotations

import binascii

from hypothesis import given
from hypothesis import strategies as st

from mtvd.stage.talk.wording import Answers, Told, request

TEXTS = st.text(max_size=50)
IDENTITIES = st.from_regex(r"[0-9a-f]{16}\.[0-9]{1,6}", fullmatch=True)
ANSWERS = st.builds(Told, identity=IDENTITIES, failed=st.booleans(), text=TEXTS)
NOISE = st.binary(max_size=80).filter(lambda data: b"told" not in data)


def written(told: Told) -> bytes:
    body = told.text.encode()
    head = f"\ntold {told.identity} {int(told.failed)} {len(body)} ".encode()
    return head + binascii.b2a_base64(body)


@given(st.lists(st.tuples(NOISE, ANSWERS), max_size=6), st.lists(st.integers(1, 60), max_size=30))
def test_answers_come_once_in_their_order_whatever_is_between_them_and_however_they_are_cut(
    parts: list[tuple[bytes, Told]], cuts: list[int]
) -> None:
    data = b"".join(noise + written(told) for noise, told in parts)
    decoder = Answers()
    found: list[Told] = []
    for size in [*cuts, len(data)]:
        piece, data = data[:size], data[size:]
        found += decoder.feed(piece)
    assert found == [told for _, told in parts]


@given(st.binary(max_size=500))
def test_no_bytes_at_all_surprise_the_decoder(data: bytes) -> None:
    assert all(isinstance(one, Told) for one in Answers().feed(data))


@given(ANSWERS, st.data())
def test_an_answer_that_was_cut_is_none(told: Told, data: st.DataObject) -> None:
    line = written(told).strip(b"\n")
    body = line.rpartition(b" ")[2]
    kept = data.draw(st.integers(0, len(body) - 1)) if body else None
    if kept is None:
        return
    assert list(Answers().feed(line[: len(line) - len(body) + kept] + b"\n")) == []


@given(st.binary(max_size=300), IDENTITIES)
def test_a_request_is_one_line_behind_a_line_break_and_tells_its_length(script: bytes, identity: str) -> None:
    line = request(identity, script)
    assert line.startswith(b"\n")
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 2
    kind, said, length, body = line.strip(b"\n").split(b" ")
    assert (kind, said.decode(), int(length), binascii.a2b_base64(body)) == (b"run", identity, len(script), script)
