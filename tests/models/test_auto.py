"""Laws of the contest: what evidence prefers is kept, what took no part is told, an interruption changes nothing."""

import json
from dataclasses import replace

import pytest
import torch
from interruptions import Clock, Interrupted, Memory, same_state

from models.auto import CANDIDATES, Auto, Entry, _judge
from models.encoding import Encoded, Span
from models.evidence import evidence, indistinguishable
from models.life import Fitted, Terms
from models.trees import Trees

SPANS = (Span("word", 0, 3), Span("number", 1, 1, 0, 0, ordered=True))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def rows(count=150, *, seed=0):
    word = torch.randint(3, (count, 1), generator=seeded(seed))
    number = word.float() - 1 + 0.4 * torch.randn(count, 1, generator=seeded(seed + 1))
    return Encoded(torch.cat([word, torch.zeros_like(word)], 1), number)


@pytest.fixture(scope="module")
def told():
    return []


@pytest.fixture(scope="module")
def model(told):
    return Auto().fit(rows(), SPANS, generator=seeded(), terms=Terms(on_progress=told.append))


def test_the_candidate_with_the_best_evidence_is_kept(model):
    kept = [entry for entry in model.contest if entry.kept]

    assert len(kept) == 1
    assert kept[0].evidence == max(entry.evidence for entry in model.contest)
    assert model.fitted.steps == sum(entry.steps for entry in model.contest)
    assert [entry.name for entry in model.contest] == list(model.candidates)


def test_the_state_holds_the_winner_and_the_contest(model):
    tensors, config = model.state()
    again = Auto.from_state(tensors, json.loads(json.dumps(config, allow_nan=False)))

    assert again.contest == model.contest
    assert type(again.kept) is type(model.kept)


def test_what_the_budget_did_not_reach_is_recorded_and_the_steps_give_the_same_bytes_again():
    cut = Auto().fit(rows(), SPANS, generator=seeded(), terms=Terms(budget_seconds=1e-9))
    again = Auto().fit(rows(), SPANS, generator=seeded(), terms=Terms(steps=cut.fitted.steps))

    assert cut.fitted.cut
    assert [entry.evidence is None for entry in cut.contest] == [False] + [True] * (len(cut.contest) - 1)
    assert "took no part" in str(cut.contest[-1])
    assert all(map(torch.equal, *(one.state()[0].values() for one in (cut, again))))


def test_a_cut_ends_the_contest_so_that_the_steps_give_the_same_bytes_again(monkeypatch):
    monkeypatch.setattr("models.life.time", clock := Clock(0.2))
    terms = Terms(budget_seconds=0.5, on_progress=clock.told)  # cut with time left for a step of another
    cut = Auto().fit(rows(), SPANS, generator=seeded(), terms=terms)
    again = Auto().fit(rows(), SPANS, generator=seeded(), terms=Terms(steps=cut.fitted.steps))

    assert cut.fitted.cut
    assert cut.contest == again.contest
    assert same_state(cut, again)


def test_progress_counts_on_from_one_candidate_to_the_next(model, told):
    assert [step.done for step in told] == list(range(1, model.fitted.steps + 1))
    assert {step.note.partition(":")[0] for step in told} == set(model.candidates)


def test_a_contest_interrupted_in_its_second_heat_ends_in_the_same_bytes():
    def fitted(*, interrupt_at=None, **terms):
        def follow(step):
            told.append(step.note.partition(":")[0])
            if step.done == interrupt_at:
                raise Interrupted

        terms = Terms(steps=6, on_progress=follow, **terms)
        return Auto(("trees", "autoregressive")).fit(rows(), SPANS, generator=seeded(), terms=terms)

    told, memory = [], Memory()
    with pytest.raises(Interrupted):
        fitted(interrupt_at=5, checkpoint=memory, checkpoint_seconds=0)
    told.clear()
    again = fitted(checkpoint=memory, checkpoint_seconds=0)
    assert told == ["autoregressive", "autoregressive"]  # the trees, and two of its steps, were kept
    whole = fitted()

    assert again.fitted.history == whole.fitted.history
    assert again.contest == whole.contest
    assert same_state(again, whole)


def test_trees_tell_shuffled_rows_from_real_ones_but_not_real_ones_from_their_like():
    real, like = rows(1_500), rows(1_500, seed=7)
    shuffled = Encoded(like.codes, like.values[torch.randperm(1_500, generator=seeded())])

    assert indistinguishable(real, like, SPANS, seed=0) > 0.85
    assert indistinguishable(real, shuffled, SPANS, seed=0) < 0.6


class Judging:
    """Has the density that is given."""

    fitted = Fitted(steps=1)

    def __init__(self, log_prob):
        self.log_prob = log_prob

    def sample(self, n, *, generator):
        """Draw rows that are like all and nobody's."""
        return rows(n, seed=int(torch.randint(1_000, (), generator=generator)) + 100)


UNSEEN = rows(800, seed=7)


def joint(x):
    """Return a log-density that knows which number belongs to a word."""
    return -((x.values[:, 0] - x.codes[:, 0].float() + 1) ** 2) / 0.32


def apart(x):
    """Return one that knows the number alone."""
    return 3 - x.values[:, 0] ** 2


def decided(**candidates):
    contest = Auto(tuple(candidates))
    contest._decide(candidates, UNSEEN, SPANS, members=rows(1_600, seed=9), seed=0)  # noqa: SLF001 - without its heats
    return contest


def test_new_rows_are_judged_by_the_density_that_tells_planted_ones_whichever_draws_them():
    contest, again = (decided(likely=Judging(apart), sharp=Judging(joint)) for _ in range(2))

    likely, sharp = contest.contest
    assert (likely.kept, likely.judges) == (True, False)
    assert (sharp.kept, sharp.judges) == (False, True)
    assert sharp.finds > likely.finds + 0.1
    assert contest.judged_by == "sharp"
    assert (contest.kept.log_prob, contest.detector.log_prob) == (apart, joint)
    assert "judges new rows" in str(sharp)
    assert "judges new rows" not in str(likely)
    assert contest.contest == again.contest


def test_of_densities_that_tell_as_much_the_winner_judges():
    contest = decided(first=Judging(joint), second=Judging(lambda x: joint(x) / 2))

    assert contest.judged_by == "second"
    assert contest.detector is contest.winner


SHARP = Entry("sharp", 1.0, told=0.5, finds=0.9)
LEAKING = Entry("leaking", 1.0, told=0.6, leaks=True, finds=0.95)
UNTRIED = Entry("untried", 1.0, finds=0.99)
DRAWING = Entry("drawing", 1.0, told=0.5)
WINNER = Entry("winner", 2.0, kept=True, finds=0.87)


@pytest.mark.parametrize(
    ("entries", "rows", "judge"),
    [
        ([SHARP, WINNER], 2_000, "sharp"),
        ([SHARP, WINNER], 200, "winner"),
        ([LEAKING, WINNER], 2_000, "winner"),
        ([LEAKING, SHARP, WINNER], 2_000, "sharp"),
        ([UNTRIED, WINNER], 2_000, "winner"),
        ([DRAWING, WINNER], 2_000, "winner"),
        ([SHARP, replace(WINNER, finds=None)], 200, "sharp"),
        ([LEAKING, replace(WINNER, finds=None)], 2_000, "winner"),
    ],
    ids=[
        "ahead",
        "by chance",
        "leaks",
        "leaks, another does not",
        "untried",
        "no density",
        "only one",
        "only one, and it leaks",
    ],
)
def test_another_than_the_winner_judges_if_it_is_ahead_beyond_chance_and_may_be_published(entries, rows, judge):
    assert _judge(entries, rows=rows) == judge


def test_a_detector_that_is_not_the_winner_is_part_of_the_state(model):
    winner, detector = (CANDIDATES[name]().fit(rows(), SPANS, generator=seeded()) for name in ("trees", "gmm"))
    both, x = Auto(), rows(50, seed=3)
    both.contest = tuple(
        replace(entry, kept=entry.name == "trees", judges=entry.name == "gmm") for entry in model.contest
    )
    both.winner, both.detector = winner, detector

    tensors, config = both.state()
    again = Auto.from_state(tensors, json.loads(json.dumps(config, allow_nan=False)))

    assert again.judged_by == "gmm"
    assert torch.equal(again.detector.log_prob(x), detector.log_prob(x))
    assert torch.equal(again.log_prob(x), winner.log_prob(x))
    assert same_state(again, both)


class Apart:
    """Draws each column by itself, and has no density."""

    def sample(self, n, *, generator):
        """Draw real numbers beside words that are not theirs."""
        real = rows(n, seed=3)
        return Encoded(real.codes, real.values[torch.randperm(n, generator=generator)])


def test_where_one_has_no_density_all_are_judged_by_how_little_they_are_told_from_rows_unseen():
    learned, unseen = Trees().fit(rows(1_500), SPANS, generator=seeded()), rows(1_500, seed=7)

    trees, apart = evidence([learned, Apart()], unseen, SPANS, seed=0)

    assert 0 <= apart < 0.6 < trees <= 1
    assert evidence([learned], unseen, SPANS, seed=0) == [float(learned.log_prob(unseen).double().mean())]


def test_a_likelier_candidate_that_tells_its_members_loses_to_one_that_keeps_them():
    """Members are drawn anew, a little moved, by one; the other draws rows that were never learned from."""

    class Drawing:
        fitted = Fitted(steps=1)

        def __init__(self, drawn, likelihood):
            self.drawn, self.likelihood = drawn, likelihood

        def sample(self, n, *, generator):
            return self.drawn[torch.randint(len(self.drawn), (n,), generator=generator)]

        def log_prob(self, x):
            return torch.full((len(x),), self.likelihood)

    spans = tuple(Span(name, place, 1, place, 0, ordered=True) for place, name in enumerate("abcd"))
    members, others, fresh = (
        Encoded(torch.zeros(n, 4).long(), torch.randn(n, 4, generator=seeded(n))) for n in (800, 400, 801)
    )
    copies = Encoded(members.codes, members.values + 0.01 * torch.randn(800, 4, generator=seeded()))
    contest = Auto(("copies", "fresh"))

    contest._decide(  # noqa: SLF001 - what a contest comes to, without its heats
        {"copies": Drawing(copies, 2.0), "fresh": Drawing(fresh, 1.0)}, others, spans, members=members, seed=0
    )

    told, kept = contest.contest
    assert told.told > 0.9
    assert told.leaks
    assert not kept.leaks
    assert kept.kept
    assert "tells members apart" in str(told)


def test_a_candidate_whose_density_tells_who_was_learned_from_loses_and_does_not_judge():
    members = rows(1_600, seed=9)
    known = set(members.values[:, 0].tolist())

    def knowing(x):
        """Return a density that is good everywhere, and better where a row was learned from."""
        return joint(x) + 2 + torch.tensor([0.5 * (value in known) for value in x.values[:, 0].tolist()])

    contest = decided(knowing=Judging(knowing), honest=Judging(joint))

    told, honest = contest.contest
    assert told.evidence > honest.evidence
    assert told.told < 0.53  # what it draws is nobody's
    assert told.tells > 0.6
    assert (told.leaks, told.kept, told.judges) == (True, False, False)
    assert (honest.leaks, honest.kept, honest.judges) == (False, True, True)
    assert f"tells members apart ({told.told:.3f} and {told.tells:.3f})" in str(told)
