"""The main job: a real table in, a published synthetic release out.

    contract.yaml -> ingest -> validate -> split -> train -> generate -> validate -> score -> compare
                       |          |          |        |         |           |         |          |
                    source     validation  train    model/  synthetic/  validation  scores  comparison
                   .parquet   -source.json   holdout                     -synthetic   .json    .json
                                           .parquet                       .json
    -> report -> gate -> publish
         |                 |
       report           release
       .html

Before `validate`, `examine` looks at each part by itself, wherever it was made, and leaves what it found in
validation-source/ and validation-synthetic/.
On a cluster, `train_candidate` leaves in candidates/ what each candidate of `auto` learned; `train` keeps the best.
After `train`, `calibrate` leaves calibration.json, by which `detect` judges new rows, and `measure_model` asks the
model whom it learned from.
Where conditions or shares are asked for, `select` leaves the real rows to judge by in selected/, before the training.
A source of many large files is read in pieces, and is then the folder source/.
What `score` leaves, `measure` has found, all of it in one task or in several side by side.
Each step leaves its artefact in the run's folder; what passes between steps are references to them.
"""

from dataclasses import replace
from typing import Any

from prefect import flow, unmapped

from data_contracts import odcs, selecting
from flows.gate import judge, require, require_champion
from flows.page import publishing, run_name, show_release, show_verdict
from flows.parameters import Synthesis, takes
from flows.runners import apart, runner, spreads
from flows.sources import read_source
from tasks.calibrate import calibrate
from tasks.compare import compare
from tasks.examine import examine
from tasks.gather import gather
from tasks.generate import generate
from tasks.measure import measure
from tasks.measure_model import measure_model
from tasks.open_run import open_run
from tasks.publish import Release
from tasks.references import Challenger
from tasks.report import report
from tasks.score import score
from tasks.scoring import groups
from tasks.select import select
from tasks.shards import cut
from tasks.split import split
from tasks.train import train
from tasks.train_candidate import candidates, train_candidate
from tasks.validate import validate

__all__ = ["synthesize"]


@flow(name="synthesize", flow_run_name=run_name, task_runner=runner())
@takes(Synthesis)
def synthesize(**values: Any) -> Release:  # noqa: ANN401 - the signature is that of Synthesis
    """Turn a real table into a published synthetic release, or refuse and say why."""
    asked = Synthesis(**values)
    contract = odcs.load(odcs.find(asked.contract))
    selection = selecting.select(contract, where=asked.where, shares=asked.share)
    run = open_run(contract, runs=asked.runs, releases=asked.to)
    source = read_source(contract, run=run, source=asked.source)
    parts = split(contract, source, run=run, seed=asked.seed)
    selected = select(parts, selection, run=run, seed=asked.seed)
    model, budget = asked.model or contract.model, asked.budget(images=contract.image is not None)
    heats = candidates(contract, model=model, steps=asked.steps, epsilon=asked.epsilon) if spreads() else ()
    trying = train_candidate.map(
        unmapped(contract), parts.train, run=run, name=heats, seed=asked.seed, budget_seconds=budget
    )
    trained = train(
        contract,
        parts.train,
        run=run,
        model=model,
        seed=asked.seed,
        budget_seconds=budget,
        steps=asked.steps,
        epsilon=asked.epsilon,
        candidates=tuple(trying.result()),
    )
    calibration = calibrate(contract, trained, parts.holdout, run=run, seed=asked.seed)
    asking = measure_model(contract, trained, parts, run=run, seed=asked.seed)
    shards = cut(contract, rows=asked.rows or source.rows, selection=selection)
    drawing = generate.map(
        unmapped(contract), trained, run=run, shard=shards, seed=asked.seed, selection=unmapped(selection)
    )
    examined = examine.map(unmapped(contract), drawing, run=run, name="synthetic", number=range(len(shards)))
    synthetic = gather(tuple(drawing.result()), run=run)
    enough = replace(contract, minimum_rows=1)  # as many as were asked for
    validate(enough, synthetic, tuple(examined.result()), run=run, name="synthetic")
    measuring = measure.map(
        unmapped(contract),
        train=selected.judged.train,
        holdout=selected.judged.holdout,
        learned=parts.train,
        synthetic=synthetic,
        run=run,
        seed=asked.seed,
        families=groups(contract, apart=apart()),
    )
    scores = score(contract, (*measuring.result(), asking), run=run, seed=asked.seed, trained=trained)
    verdict = judge(contract, scores.scores)
    challenger = Challenger(
        selected.judged.train, synthetic, selected.words, scores.scores, verdict=verdict, margin=asked.margin
    )
    standing = compare(contract, challenger, run=run, root=asked.to)
    evidence = report(
        contract,
        run=run,
        source=source,
        selected=selected,
        trained=trained,
        synthetic=synthetic,
        scores=scores,
        standing=standing,
    )
    show_verdict(contract, scores.scores, verdict, report=evidence.page)
    require(verdict, evidence.page)
    publish = publishing(contract, root=asked.to)
    release = publish(
        contract,
        evidence,
        run=run,
        trained=trained,
        standing=standing,
        parameters=asked.published,
        root=asked.to,
        beside=calibration,
    )
    show_release(release)
    require_champion(release)
    return release


if __name__ == "__main__":
    synthesize(contract="adult", rows=2000, steps=20)
