"""Every request is settled once, in whatever order messages, losses and time come, and none overtakes another."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support import conversations
from tests.support.conversations import SESSION, TIMING

from mtv.session.conversation import Conversation, Phase
from mtv.session.decisions import Decision, Reopen, Settle
from mtv.wire import codec, frames, messages
from mtv.wire.errors import Error, Unavailable
from mtv.wire.frames import Kind
from mtv.wire.limits import Limits
from mtv.wire.reports import WindowState

ANSWERS: dict[str, tuple[Kind, messages.Reply]] = {
    "done": (Kind.REPLY, messages.Done()),
    "failed": (Kind.ERROR, messages.Failed(error=Error(code="not_found", message="none"))),
    "busy": (Kind.ERROR, messages.Failed(error=Error(code="busy", message="no room", retryable=True))),
    "receipt": (Kind.RECEIPT, messages.Receipt()),
    "progress": (Kind.PROGRESS, messages.Progress(done=1, total=2)),
}


@dataclasses.dataclass(eq=False)
class Asked(conversations.Asked):
    """A request that counts how often it was settled."""

    settled: int = 0
    given_up: bool = False


class ConversationMachine(RuleBasedStateMachine):
    """A daemon that answers what it likes, a line that breaks, and a clock."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.in_flight = 1
        self.asked: list[Asked] = []
        self.there: set[int] = set()
        """Numbers that this connection's daemon has and has not answered."""
        self.talk: Conversation[Asked] = Conversation("ipc:///there", SESSION, TIMING, lambda: 1.0)
        self.talk.begin(self.now)
        self.talk.open(self.now)
        self.greet(2)

    def carry_out(self, decisions: Sequence[Decision[Asked]]) -> None:
        for decision in decisions:
            if isinstance(decision, Settle):
                decision.request.settled += 1
            elif isinstance(decision, Reopen):
                self.there.clear()
                self.talk.lose(self.now)
                self.talk.open(self.now)

    def receive(self, number: int, kind: Kind, reply: messages.Reply) -> None:
        parts = [memoryview(part) for part in frames.pack(kind, SESSION, number, codec.encode(reply))]
        self.carry_out(self.talk.receive(parts, self.now))

    def greet(self, in_flight: int) -> None:
        self.in_flight = in_flight
        limits = Limits(in_flight=in_flight)
        welcome = messages.Welcome(versions=(1, 0), release="x", limits=limits, window=WindowState())
        self.receive(0, Kind.REPLY, welcome)

    @rule(awaited=st.booleans(), deadline=st.sampled_from([math.inf, 0.5, 40.0]), gathers=st.booleans())
    def ask(self, awaited: bool, deadline: float, gathers: bool) -> None:
        request = Asked(awaited=awaited, deadline=self.now + deadline, gathers=gathers)
        try:
            self.talk.add(request)
        except Unavailable:
            assert self.talk.gone
        else:
            self.asked.append(request)

    @rule()
    def send(self) -> None:
        going = self.talk.outgoing(self.now)
        self.there |= {request.number for request in going}
        open_ones = [request for request in self.asked if not request.settled and not request.given_up]
        waiting = [request.number for request in open_ones if request.number not in self.there]
        assert len(self.there & {request.number for request in open_ones}) <= self.in_flight
        assert all(request.number < min(waiting, default=math.inf) for request in going)
        assert not any(request.settled for request in going)

    @precondition(lambda self: self.there)
    @rule(pick=st.randoms(use_true_random=False), answer=st.sampled_from(sorted(ANSWERS)))
    def answer(self, pick: object, answer: str) -> None:
        number = pick.choice(sorted(self.there))  # type: ignore[attr-defined]
        if answer in {"done", "failed", "busy"}:
            self.there.discard(number)
        self.receive(number, *ANSWERS[answer])

    @rule(number=st.integers(0, 30), answer=st.sampled_from(["done", "receipt", "progress"]))
    def answer_what_was_answered_before(self, number: int, answer: str) -> None:
        if number not in self.there and not any(
            request.number == number and not request.settled for request in self.asked
        ):
            self.receive(number, *ANSWERS[answer])

    @precondition(lambda self: self.asked)
    @rule(pick=st.randoms(use_true_random=False))
    def give_up(self, pick: object) -> None:
        request = pick.choice(self.asked)  # type: ignore[attr-defined]
        if not request.settled:
            request.given_up = True
            self.talk.forget(request)

    @precondition(lambda self: self.talk.phase is Phase.READY)
    @rule()
    def lose(self) -> None:
        self.carry_out(self.talk.hang_up(lost=True, now=self.now))
        assert self.talk.phase is Phase.GREETING

    @precondition(lambda self: self.talk.phase is Phase.GREETING)
    @rule(in_flight=st.integers(1, 4))
    def come_back(self, in_flight: int) -> None:
        self.greet(in_flight)

    @rule(secs=st.sampled_from([0.001, 0.1, 1.0, 5.0, 31.0]))
    def wait(self, secs: float) -> None:
        self.now += secs
        self.carry_out(self.talk.check_time(self.now))

    @invariant()
    def nobody_is_settled_twice(self) -> None:
        assert all(request.settled <= 1 for request in self.asked)

    @invariant()
    def what_is_neither_settled_nor_given_up_is_there(self) -> None:
        assert len(self.talk) == sum(not request.settled and not request.given_up for request in self.asked)

    @invariant()
    def somebody_wakes_the_thread_where_there_is_something_to_do(self) -> None:
        secs = self.talk.patience_secs(self.now)
        assert secs is None or secs >= 0
        assert secs is not None or self.talk.phase is Phase.READY

    def teardown(self) -> None:
        """All that is left can be sent to a daemon that answers, and then nothing is left."""
        if self.talk.phase is Phase.READY:
            self.lose()
        self.come_back(in_flight=2)
        for _ in range(len(self.asked) + 1):
            self.send()
            for number in sorted(self.there):
                self.there.discard(number)
                self.receive(number, *ANSWERS["done"])
        assert len(self.talk) == 0
        assert all(request.settled + request.given_up >= 1 for request in self.asked)


TestConversation = ConversationMachine.TestCase
TestConversation.settings = settings(deadline=None, stateful_step_count=60)
