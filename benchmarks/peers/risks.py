"""The three risks as Anonymeter has them, on tables that are given: `python -m benchmarks.peers.risks FOLDER`.

FOLDER holds targets.parquet, control.parquet, synthetic.parquet, and asked.json with `halves` (two lists of columns),
`secrets`, and `columns` of a predicate.  Every row of the first two is attacked.  Prints one JSON object of risks with
their intervals.  Giomi et al.: A Unified Framework for Quantifying Privacy Risk in Synthetic Data, 2023.
"""

import json
import sys
import warnings
from pathlib import Path

import pandas as pd

_CONFIDENCE = 0.99  # as `tasks.scoring.chance` has it
_ATTACKS = 1_000  # predicates


def main() -> None:
    """Attack, and print what came of it."""
    from anonymeter.evaluators import InferenceEvaluator, LinkabilityEvaluator, SinglingOutEvaluator

    warnings.simplefilter("ignore")
    folder = Path(sys.argv[1])
    targets, control, synthetic = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("targets", "control", "synthetic")
    )
    asked = json.loads((folder / "asked.json").read_text())
    size = {"n_attacks": len(targets), "control": control}
    evaluators = {
        "linkability_risk": LinkabilityEvaluator(targets, synthetic, aux_cols=tuple(asked["halves"]), **size),
        **{
            f"inference_risk of {secret}": InferenceEvaluator(
                targets, synthetic, aux_cols=[name for name in targets if name != secret], secret=secret, **size
            )
            for secret in asked["secrets"]
        },
        "singling_out_risk": SinglingOutEvaluator(
            targets, synthetic, n_attacks=_ATTACKS, n_cols=asked["columns"], control=control, seed=0
        ),
    }
    risks = {}
    for name, evaluator in evaluators.items():
        risk = evaluator.evaluate().risk(confidence_level=_CONFIDENCE)
        risks[name] = [risk.value, *risk.ci]
    print(json.dumps(risks))


if __name__ == "__main__":
    main()
