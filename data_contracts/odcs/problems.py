"""What can be wrong with a contract: the rules by name, and their errors gathered to be told all at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from data_contracts.errors import ContractError, Failure

__all__ = ["RULES", "Problem", "refuse"]

RULES = {
    "contract.file": "a contract is a file that can be read",
    "contract.yaml": "a contract is one YAML document in UTF-8, each key once, without aliases",
    "contract.keys": "every key is one that contracts have",
    "contract.needed": "every key that a contract needs is there",
    "contract.types": "every value is of the type that its key asks for",
    "contract.standard": "a contract follows the Open Data Contract Standard v3",
    "contract.held": "a contract says only what is held to",
    "contract.id": "an id is letters, digits, '.', '_' and '-', and never a path",
    "contract.version": "a version is semantic: major.minor.patch",
    "contract.names": "names are there, printable, and given once",
    "contract.kind": "every column is of a known kind that goes with its logicalType",
    "contract.range": "a range stands on a column that has an order, from a minimum up to a maximum that it can hold",
    "contract.values": "allowed values are distinct, of the column's type, and keep its other rules",
    "contract.pattern": "a pattern is a regular expression",
    "contract.format": "a format says the whole date, in letters that can be read",
    "contract.precision": "a precision is a power of ten, and a unit is s, ms, us or ns",
    "contract.timezone": "a time zone has an IANA name, and bounds have an offset only where there is a zone",
    "contract.image": "an image has a size and channels that models learn, is never null, and one column holds them",
    "contract.primary_key": "a primary key is never null, and unique as a whole",
    "contract.source": "a source says where the data lies and how it is written, without contradiction",
    "contract.rules": "a rule has a name of its own and speaks of columns that are there and go together",
    "contract.gate": "a threshold has a bound that can be reached, and a reason",
    "contract.model": "the model is named by a word",
    "contract.target": "the target is a column that can be predicted",
    "contract.holdout": "the holdout is a share above 0 and up to 0.5",
    "contract.rows": "the least number of rows is a whole number from 1",
}
"""Every rule that a contract itself is held to, by name: what must hold."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a contract.

    Args:
        rule: a name in `RULES`.
        path: within the file: `schema[0].properties[3].logicalTypeOptions.minimum`; empty: the whole file.
        fact: what was found there; names and counts.
    """

    rule: str
    path: str
    fact: str

    def __str__(self) -> str:
        """Return where and what."""
        return f"{self.path}: {self.fact}" if self.path else self.fact


def refuse(name: str, problems: Sequence[Problem]) -> NoReturn:
    """Raise one error that tells all problems: the first in its head, each on a line of its own.

    Raises:
        ContractError: always; `rule` is the sentence of the first problem's rule.
    """
    first = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    raise ContractError(
        RULES[first.rule],
        f"{name}: {first}{more}",
        "Correct the contract, then load it again",
        tuple(Failure(problem.rule, (), 0, 0, f"{name}: {problem}") for problem in problems),
    )
