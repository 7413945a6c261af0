"""What the command line can be asked: each command's arguments, which are those of its flow."""

import argparse
from pathlib import Path
from typing import Any

__all__ = ["parser"]


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands; what it parses holds the last word of its command as `command`."""
    whole = argparse.ArgumentParser(
        prog="likeness", description="Turns a real dataset into a synthetic one that may be handed on."
    )
    commands = whole.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_sweep(commands)
    contract = commands.add_parser("contract", help="draft or check a contract").add_subparsers(
        required=True, metavar="COMMAND"
    )
    _add_infer(contract)
    _add_check(contract)
    for name, words in (
        ("verify", "check a release against its manifest"),
        ("show", "say what a release is and what it scored"),
    ):
        sub = _add(commands, name, words=words)
        sub.add_argument(
            "release", metavar="RELEASE", help="a release, or its contract's folder: the latest; a path or a URI"
        )
        if name == "verify":
            sub.add_argument("--key", type=Path, metavar="PUB", help="the public key that must have signed it")
    _add_detect(commands)
    _add_segment(commands)
    _add_encode(commands)
    _add_decode(commands)
    _add_upscale(commands)
    _add_key(commands.add_parser("key", help="make a signing key").add_subparsers(required=True, metavar="COMMAND"))
    _add_prune(commands)
    _add_doctor(commands)
    return whole


def _add(commands: Any, name: str, *, words: str) -> argparse.ArgumentParser:  # noqa: ANN401
    sub: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words)
    sub.add_argument("--json", action="store_true", help="print one JSON object, for machines")
    sub.set_defaults(command=name)
    return sub


def _add_run(commands: Any) -> None:  # noqa: ANN401 - argparse's subparsers have no public type
    sub = _add(commands, "run", words="turn a real table into a published synthetic release")
    sub.add_argument("contract", metavar="CONTRACT", help="a name under data_contracts/, or a path")
    sub.add_argument("--model", help="the generative model; default: the one that the contract names")
    sub.add_argument(
        "--rows", type=int, metavar="N", help="how many synthetic rows; default: as many as the source has"
    )
    sub.add_argument(
        "--where", action="append", metavar="CONDITION", help="only such rows: sex=Female, age>=60; may be repeated"
    )
    sub.add_argument(
        "--share", action="append", metavar="SHARE", help="rebalance: income:>50K=0.5; may be repeated for one column"
    )
    sub.add_argument("--seed", type=int, metavar="N", help="seed of all randomness; default: 0")
    length = sub.add_mutually_exclusive_group()
    length.add_argument(
        "--budget",
        type=float,
        dest="budget_seconds",
        metavar="SECONDS",
        help="upper bound on training; default: 60, of images 600",
    )
    length.add_argument("--steps", type=int, metavar="N", help="training steps, instead of the plan and the budget")
    sub.add_argument(
        "--epsilon", type=float, metavar="E", help="differential privacy: the most that is spent; default: none"
    )
    sub.add_argument(
        "--margin", type=float, metavar="M", help="how much worse than the latest a score may be; default: 0.02"
    )
    sub.add_argument("--source", metavar="URI", help="the data; default: the source that the contract names")
    sub.add_argument("--to", metavar="FOLDER", help="folder of the releases; default: releases")
    sub.add_argument("--runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")


def _add_sweep(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "sweep", words="run contracts, models and seeds against each other, as one table")
    sub.add_argument("contract", nargs="+", metavar="CONTRACT", help="a name under data_contracts/, or a path")
    sub.add_argument("--model", action="append", help="a generative model; may be repeated; default: each contract's")
    sub.add_argument("--seeds", type=int, metavar="N", help="how many seeds, from 0 on; default: 3")
    sub.add_argument("--rows", type=int, metavar="N", help="how many synthetic rows each; default: as the source has")
    length = sub.add_mutually_exclusive_group()
    length.add_argument(
        "--budget", type=float, dest="budget_seconds", metavar="SECONDS", help="upper bound on each training"
    )
    length.add_argument("--steps", type=int, metavar="N", help="training steps, instead of the plan and the budget")
    sub.add_argument("--epsilon", type=float, metavar="E", help="differential privacy: the most that is spent")
    sub.add_argument("--to", metavar="FOLDER", help="folder of the table and the releases; default: sweep")
    sub.add_argument("--runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")


def _add_infer(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "infer", words="draft a contract from data, for a person to edit")
    sub.add_argument("data", metavar="DATA", help="a file, folder, glob, URI or database URL")
    sub.add_argument("--to", type=Path, metavar="FILE", help="where to write it; default: print it")


def _add_check(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "check", words="check a contract, and data against it")
    sub.add_argument("contract", metavar="CONTRACT", help="a name under data_contracts/, or a path")
    sub.add_argument("data", metavar="DATA", nargs="?", help="a file, folder, glob, URI or database URL")


def _add_detect(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "detect", words="find anomalies among new rows by a release's model, or by a run's rows")
    sub.add_argument(
        "release",
        metavar="RELEASE",
        help="a release, or its contract's folder: the latest; a path or URI; or the folder of a run: by its rows",
    )
    sub.add_argument("data", metavar="DATA", help="the new rows: a file, folder, glob, URI or database URL")
    sub.add_argument(
        "--each", action="store_true", help="DATA is a folder, of which each new file is judged by itself, once"
    )
    sub.add_argument(
        "--settled",
        type=float,
        dest="settled_seconds",
        metavar="SECONDS",
        help="with --each: leave a file that has changed since; default: 60",
    )
    sub.add_argument(
        "--to", metavar="URI", help="the Parquet file to write, with --each their folder; default: anomalies.parquet"
    )
    level = sub.add_mutually_exclusive_group()
    level.add_argument(
        "--contamination", type=float, metavar="A", help="so many of the usual rows are called anomalies; default: 0.01"
    )
    level.add_argument("--fdr", type=float, metavar="Q", help="so many of the anomalies are false alarms, instead")
    sub.add_argument("--contract", metavar="CONTRACT", help="says how the data is written; default: as is usual")
    sub.add_argument("--key", metavar="PUB", help="the public key that must have signed the release")


def _add_segment(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "segment", words="tell rows, or the pixels of an image, apart into a few segments")
    sub.add_argument("of", metavar="OF", help="a release, a contract by name or path, or an image's file")
    sub.add_argument(
        "data", metavar="DATA", nargs="?", help="the rows; default: the release's, or the contract's source"
    )
    sub.add_argument("--to", metavar="FOLDER", help="where to; default: segments/ and the contract's or image's name")
    number = sub.add_mutually_exclusive_group()
    number.add_argument("--segments", type=int, metavar="K", help="how many; default: as many as there are")
    number.add_argument("--most", type=int, metavar="K", help="how many are sought at most; default: 12")
    sub.add_argument("--by", action="append", metavar="COLUMN", help="tells rows apart; may be repeated; default: all")
    sub.add_argument("--seed", type=int, metavar="N", help="seed of all randomness; default: 0")


def _add_encode(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "encode", words="turn images into latent codes by a release's model, and say what that keeps")
    sub.add_argument("release", metavar="RELEASE", help="a release of a model with codes, or its contract's folder")
    sub.add_argument("data", metavar="DATA", help="the images: a file, folder, glob or URI")
    sub.add_argument("--to", metavar="URI", help="the Parquet file to write; default: latents.parquet")
    sub.add_argument("--bits", type=int, metavar="N", help="of each number of a code, 2 to 8; default: 8")
    sub.add_argument("--contract", metavar="CONTRACT", help="says how the data is written; default: as is usual")
    sub.add_argument("--runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")


def _add_decode(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "decode", words="turn latent codes back into images by the model that they are of")
    sub.add_argument("release", metavar="RELEASE", help="the release that the codes are of, or its contract's folder")
    sub.add_argument("data", metavar="LATENTS", help="a file that encode wrote; a path or URI")
    sub.add_argument("--to", metavar="URI", help="the Parquet file to write; default: images.parquet")


def _add_upscale(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "upscale", words="enlarge small images as a contract's images teach, and say how well")
    sub.add_argument(
        "contract", metavar="CONTRACT", help="of the large images: a name under data_contracts/, or a path"
    )
    sub.add_argument("data", metavar="DATA", help="the small images: a file, folder, glob or URI")
    sub.add_argument("--to", metavar="URI", help="the Parquet file to write; default: images.parquet")
    sub.add_argument("--factor", type=int, metavar="N", help="how many times larger each side becomes; default: 2")
    sub.add_argument(
        "--draw", action="store_true", help="draw one image that each may be of; default: the mean of all of them"
    )
    sub.add_argument("--seed", type=int, metavar="N", help="seed of all randomness; default: 0")
    length = sub.add_mutually_exclusive_group()
    length.add_argument(
        "--budget", type=float, dest="budget_seconds", metavar="SECONDS", help="upper bound on training; default: 600"
    )
    length.add_argument("--steps", type=int, metavar="N", help="training steps, instead of the plan and the budget")
    sub.add_argument(
        "--source", metavar="URI", help="images to learn from; default: the source that the contract names"
    )
    sub.add_argument("--runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")


def _add_key(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "new", words="make a key to sign releases with, and its public key beside it")
    sub.add_argument(
        "--to", type=Path, default=Path("likeness.key"), metavar="FILE", help="where to; default: likeness.key"
    )


def _add_prune(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "prune", words="remove old releases; without --yes, only say which")
    sub.add_argument("--keep", type=int, metavar="N", help="how many of each contract stay; default: 5")
    sub.add_argument("--pin", action="append", metavar="VERSION", help="a release that stays; may be repeated")
    sub.add_argument("--to", metavar="FOLDER", help="folder of the releases; default: releases")
    sub.add_argument("--days", type=int, metavar="N", help="runs and their steps go after N days, too; default: never")
    sub.add_argument("--runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")
    sub.add_argument("--yes", action="store_true", dest="remove", help="remove them")


def _add_doctor(commands: Any) -> None:  # noqa: ANN401
    sub = _add(commands, "doctor", words="say what is amiss with versions, storage, key, server and work pool")
    sub.add_argument("--to", default="releases", metavar="FOLDER", help="folder of the releases; default: releases")
    sub.add_argument("--runs", default="runs", metavar="FOLDER", help="folder of the runs' artefacts; default: runs")
